"""`python -m tests.fault.seeds 1-500 [slots]`: fault runs by seed number, each replayable."""

import sys

from tests.fault.seeds.run import run

if __name__ == "__main__":
    sys.exit(run(sys.argv[1], *map(int, sys.argv[2:])))
