#!/usr/bin/env bash
# Works for cells of a study on this machine, each in a clone on its own disk. All that an engine
# has to run, on any machine that sees the shared folder:
#
#     worker.sh FOLDER_OF_THE_RUN CELL...
#
# USR1 and TERM stop it; trainings keep their state. Exit status: 75 if it was stopped and is to be
# started again, else 0; how each cell ended is in records/ of the run's folder.
# WORKER_NODE, WORKER_JOB, WORKER_DEADLINE (seconds since 1970) and WORKER_CPUS say what the engine
# calls this machine and job, when it will end the job, and how many cores it gives it.
set -euo pipefail

run=$1
shift
: "${WORKER_NODE:=$(hostname)}" "${WORKER_JOB:=$$}"
export WORKER_NODE WORKER_JOB
python=$(cat "$run/python")
commit=$(cat "$run/commit")
# The cells of one machine share its cores.
threads=$((${WORKER_CPUS:-$(nproc)} / $#))
export OMP_NUM_THREADS=$((threads > 0 ? threads : 1))

base=${SLURM_TMPDIR:-${TMPDIR:-/tmp}}
# What a worker left that was killed.
for left in "$base"/induction-*; do
    if [ -O "$left" ] && [ ! -e "/proc/${left##*-}" ]; then rm -rf "$left"; fi
done
scratch=$base/induction-$(basename "$run")-$$
trap 'rm -rf "$scratch"' EXIT

workers=()
pass_on() { for worker in "${workers[@]}"; do kill "-$1" "$worker" 2>/dev/null || true; done; }
trap 'pass_on USR1' USR1
trap 'pass_on TERM' TERM INT

for cell in "$@"; do
    clone=$scratch/$cell
    mkdir -p "$clone"
    (
        cd "$clone"
        git init --quiet
        git fetch --quiet --depth 1 "$run/../../repository.git" "refs/runs/$commit"
        git checkout --quiet --detach FETCH_HEAD
        exec "$python" -m induction.cli.main work "$run" "$cell"
    ) >>"$run/logs/$cell.log" 2>&1 &
    workers+=($!)
done

status=0
for worker in "${workers[@]}"; do
    code=0
    wait "$worker" || code=$?
    # A signal ends the waiting early.
    while kill -0 "$worker" 2>/dev/null; do
        code=0
        wait "$worker" || code=$?
    done
    if [ "$code" -ne 0 ] && [ "$status" -ne 75 ]; then status=$code; fi
done
exit "$status"
