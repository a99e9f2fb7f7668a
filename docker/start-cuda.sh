#!/bin/sh
# facegen as built for CUDA. The system starts it only where NVIDIA's driver is,
# which comes from the host with `--gpus`. Without one a library is used
# that finds no GPU: enough to pull models, to make keys, and to say why images are
# not made.
here=$(dirname "$(readlink -f "$0")")
if ! "$here/facegen" --version >/dev/null 2>&1; then
  export LD_LIBRARY_PATH="${LD_LIBRARY_PATH:+$LD_LIBRARY_PATH:}$here/no-driver"
fi
exec "$here/facegen" "$@"
