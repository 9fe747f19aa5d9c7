# SPDX-License-Identifier: Apache-2.0
#
# lib.sh — what the rings share: the lines that test/run counts, and how programs and pytest become such lines.
#
# Sourced by the rings, which run in the top of the checkout with BUILD_DIR (absolute) set.

cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
: "${BUILD_DIR:?run the rings through test/run}"
# The distribution's interpreter, beside which its pytest is installed.
PYTHON=${PYTHON:-/usr/bin/python3}

ok() { printf 'ok %s\n' "$*"; }
not_ok() { printf 'not ok %s\n' "$*"; }
skip() { printf 'skip %s\n' "$*"; }

# Reports are printed with a stack; a guest's huge allocation fails as it would without the sanitizer.
export ASAN_OPTIONS=${ASAN_OPTIONS:-allocator_may_return_null=1:detect_stack_use_after_return=0}
export TSAN_OPTIONS=${TSAN_OPTIONS:-allocator_may_return_null=1}
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1}

# run_program NAME SECONDS COMMAND… — a program that prints protocol lines itself. One that dies, hangs or fails
# without naming a test becomes a failure of NAME.
run_program() {
    local name=$1 seconds=$2 status said
    shift 2
    said=$(mktemp)
    timeout -k 5 "$seconds" "$@" >"$said" 2>&1
    status=$?
    cat "$said"
    if [ "$status" -eq 124 ] || [ "$status" -eq 137 ]; then
        not_ok "$name: still running after $seconds s"
    elif [ "$status" -ne 0 ] && ! grep -q '^not ok ' "$said"; then
        not_ok "$name: ended with status $status: $(grep -m 1 -E 'ERROR|runtime error' "$said")"
    elif ! grep -qE '^(ok|not ok|skip) ' "$said"; then
        not_ok "$name: ran no test"
    fi
    rm -f "$said"
}

# run_pytest LABEL PATH… — pytest's tests in a folder or in files, a line for each under LABEL.
run_pytest() {
    local label=$1 xml=$BUILD_DIR/test/$1.xml status
    shift
    if [ ! -e "$1" ]; then
        skip "$label: there is no $1 in this checkout"
        return
    fi
    rm -f "$xml"
    "$PYTHON" -m pytest -q -ra --tb=short -p no:cacheprovider --rootdir=. --junitxml="$xml" ${PYTEST_ARGS:-} \
        "$@"
    status=$?
    if [ -s "$xml" ]; then
        "$PYTHON" test/rings/junit.py "$label" "$xml"
    fi
    # 0: all passed, 1: some failed, which their lines say; everything else is not a test result.
    [ "$status" -le 1 ] || not_ok "$label: pytest ended with status $status"
}

# sanitized_build [KIND] — from here on BUILD_DIR is the build with AddressSanitizer and UBSan (or with "thread") beside
# the plain one. The guests and what npm brings are the same for all and are made once.
sanitized_build() {
    local plain=$BUILD_DIR shared
    export SANITIZE=${1:-address,undefined}
    if [ "$SANITIZE" = thread ]; then
        export BUILD_DIR=$plain-tsan
    else
        export BUILD_DIR=$plain-asan
    fi
    mkdir -p "$BUILD_DIR/test"
    for shared in guests npm; do
        mkdir -p "$plain/$shared"
        [ -e "$BUILD_DIR/$shared" ] || ln -s "$plain/$shared" "$BUILD_DIR/$shared"
    done
    ./build.sh || not_ok "build with $SANITIZE: ./build.sh failed"
}
