#!/usr/bin/env bash
# Feature selectors of others in an environment of their own, beside skmi:
#
#     bash benchmarks/selection/peers.sh DIRECTORY install
#     bash benchmarks/selection/peers.sh DIRECTORY run --size small --tables TABLES --out FILE
#
# xgboost without a GPU takes the place of the one that ipss asks for; torch is not
# needed, and the constraints keep whatever brings it to the build for CPUs.
set -euo pipefail
cd "$(dirname "$0")/../.."
directory=$1
action=$2
shift 2
python=${PYTHON:-python3}
if [ "$action" = install ]; then
    "$python" -m venv "$directory"
    pip=("$directory/bin/pip" install --quiet -c constraints.txt)
    "${pip[@]}" scikit-learn pandas joblib xgboost-cpu
    "${pip[@]}" --no-deps ipss || echo "ipss cannot be installed"
    for package in mrmr-selection Boruta feature-engine knockpy fast-select; do
        "${pip[@]}" "$package" || echo "$package cannot be installed"
    done
    "$directory/bin/pip" list | grep -i -E "torch|nvidia" && exit 1
    exit 0
fi
for name in OMP OPENBLAS MKL NUMBA; do export "${name}_NUM_THREADS=1"; done
PYTHONPATH="$PWD${PYTHONPATH:+:$PYTHONPATH}" "$directory/bin/python" \
    -m benchmarks.selection.peers "$@"
