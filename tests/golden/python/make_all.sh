#!/bin/sh
# Regenerates every golden in ../data. See README.md for what has to be installed and on PYTHONPATH.
set -eu
cd "$(dirname "$0")"
export PYTHONDONTWRITEBYTECODE=1
for script in $(grep -l '^if __name__ == "__main__"' -- *.py); do
    echo "$script"
    "${PYTHON:-python3}" -W ignore "$script"
done
