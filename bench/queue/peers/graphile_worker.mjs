// graphile-worker: `prepare DSN JOBS` and `work DSN LOCAL_QUEUE CONCURRENT_JOBS`.
//
// With its local queue, and batched completion without delay as in its own benchmark: jobs that
// touch no database then share few connections. The marks are those of marks.py.
import { once } from "node:events";
import { hrtime, argv, env, stdin } from "node:process";
import { createRequire } from "node:module";

// The packages are elsewhere, and import looks beside this file only.
const { run, runMigrations, makeWorkerUtils, Logger } = createRequire(env.PEERS)("graphile-worker");

const [action, connectionString, ...numbers] = argv.slice(2);
const CHUNK = 10_000;
const INTERVAL = 0.02;

const worker = { connectionString, logger: new Logger(() => () => {}) };

async function prepare(jobs) {
  await runMigrations({ preset: { worker } });
  const utils = await makeWorkerUtils({ preset: { worker } });
  for (let left = jobs; left > 0; left -= CHUNK) {
    const specs = Array.from({ length: Math.min(CHUNK, left) }, () => ({ identifier: "noop" }));
    await utils.addJobs(specs);
  }
  await utils.release();
}

async function work(size, concurrentJobs) {
  let done = 0;
  let due = 0;
  const mark = () => {
    const now = Number(hrtime.bigint()) / 1e9;
    if (now >= due) {
      console.log(`${now} ${done}`);
      due = now + INTERVAL;
    }
  };
  const noop = () => {
    done += 1;
    mark();
  };
  console.log("ready");
  await once(stdin, "data");
  mark();
  const runner = await run({
    preset: {
      worker: {
        ...worker,
        concurrentJobs,
        maxPoolSize: 10,
        localQueue: { size },
        completeJobBatchDelay: 0,
        failJobBatchDelay: 0,
      },
    },
    taskList: { noop },
  });
  await runner.promise;
  process.exit(0);
}

await (action === "prepare" ? prepare : work)(...numbers.map(Number));
process.exit(0);
