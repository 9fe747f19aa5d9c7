#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# build.sh — the one entry point: builds, installs, shows and tests mod_wasmserve.
#
# How:     The file groups below say which folder is which layer and which headers a layer may see. From them a
#          Makefile is written into $BUILD_DIR and make does the rest, so that a second build compiles only what
#          changed. No layer is given an -I path that it may not use: a wrong #include does not compile. Headers
#          that may be used from outside their own layer are reached through $BUILD_DIR/include/<owner>/.
# Editing: A new folder is a new row in the layer table; a new header of src/host that others need is a new word
#          in HOST_PUBLIC; a new package is a new word in the DEPS_ groups. Nothing else needs to change.
#
# Variables: BUILD_DIR  where everything built goes (default build, or build-<kind> with SANITIZE)
#            CC         gcc (default) or clang
#            CFLAGS     further flags, after ours (CFLAGS=-Wno-error for a compiler newer than the ones tested)
#            SANITIZE   address,undefined or thread
#            APXS       the apxs of the httpd to build for, where it is not the one in PATH
#            DESTDIR, PREFIX   for install (PREFIX: of the tool, default /usr/local)
#            NO_DEPS    set: never install a package, take what is there
#            WITHOUT    names of OPTIONAL below that are left out although they could be compiled: encoder_zstd
#            V          set: make prints the whole commands

set -euo pipefail
# What apt, gcc and git say is read below, so they say it in one language.
export LC_ALL=C.UTF-8
cd "$(dirname "${BASH_SOURCE[0]}")"
TOP=$PWD

# ---- the layers ------------------------------------------------------------------------------------------

# The engine's rooms from the bottom up; each sees itself, those named here, and the errors of engine.h.
ENGINE_LAYERS=(base isa decode validate runtime interp compile)
declare -A ENGINE_SEES=(
    [base]=""
    [isa]="base"
    [decode]="isa base"
    [validate]="decode isa base"
    [runtime]="validate decode isa base"
    [interp]="runtime validate decode isa base"
    [compile]="runtime validate decode isa base"
    [facade]="interp compile runtime validate decode isa base"
)

# What crosses a border: the engine's one header with the rows it expands, the seam and the front header of each
# ABI of the host (src/host/<abi>/<abi>.h) with the ones named here, and all of delivery.
ENGINE_PUBLIC=(src/engine/engine.h src/engine/isa/errors.def)
HOST_PUBLIC=(exchange.h grants.h host.h)

# Files of delivery whose library, or whose architecture, may be another, and the header that shows it: where that is not
# found, the sibling NAME_absent.c is compiled in place of NAME.c.
declare -A OPTIONAL=(
    [encoder_zstd]=zstd.h
    [encoder_brotli_shared]=brotli/shared_dictionary.h
    [sha256_x86]=immintrin.h
)

# The script that is compiled into the module, for src/httpd/loader_handler.c to serve.
LOADER=conf/loader/wasmserve-loader.js

# ---- packages --------------------------------------------------------------------------------------------

# @ stands for the major version of the distribution's clang. DEPS_SERVICES: those that start a server when they are
# installed.
DEPS_build="gcc libc6-dev make apache2-dev zlib1g-dev libbrotli-dev libzstd-dev"
DEPS_demo="apache2-bin clang lld wasi-libc libclang-rt-@-dev-wasm32 golang-go curl"
DEPS_lint="clang libclang-rt-@-dev clang-format clang-tidy cppcheck"
DEPS_browser="chromium chromium-driver firefox-esr python3-selenium"
DEPS_test="binutils brotli zstd gzip nginx-light libnginx-mod-http-brotli-static python3 python3-pytest nghttp2-client wrk wabt clang-format libclang-rt-@-dev libc++-@-dev-wasm32 libc++abi-@-dev-wasm32 rustc libstd-rust-dev-wasm32"
DEPS_bench="brotli zstd gzip python3 wrk nghttp2-client nginx-light libnginx-mod-http-brotli-static apache2-utils python3-pytest wabt nodejs binaryen"
DEPS_install="apache2"
DEPS_SERVICES="apache2 nginx-light"
DEPS_GROUPS_ALL=(build demo test browser lint)
DEPS_GROUPS_KNOWN=(build demo test browser lint bench install)

say() { printf 'build.sh: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

# deps_words GROUP… — the packages of the groups, one a line, each once, @ filled in where it is known.
deps_words() {
    local group name version
    version=$(clang_major)
    for group; do
        name=DEPS_$group
        printf '%s\n' ${!name}
    done | sed "s/@/${version:-*}/" | awk '!seen[$0]++'
}

# clang_major — which clang the metapackage `clang` stands for here; empty where the package lists are unknown.
clang_major() {
    { dpkg-query -W -f='Depends: ${Depends}\n' clang 2>/dev/null || apt-cache show clang 2>/dev/null || true; } |
        sed -n 's/^Depends: .*\bclang-\([0-9][0-9]*\).*/\1/p' | sed -n 1p
}

# deps_missing PACKAGE… — those that are not installed.
deps_missing() {
    local have
    have=$(dpkg-query -W -f='${db:Status-Status} ${Package}\n' "$@" 2>/dev/null || true)
    printf '%s\n' "$@" | grep -vxF -f <(sed -n 's/^installed //p' <<<"$have") || true
}

# has_candidate PACKAGE — whether apt knows a version of it. (Not a pipe into `grep -q`: it would end before apt-cache
# has written everything, and pipefail would call that a failure.)
has_candidate() {
    [[ $(apt-cache policy "$1" 2>/dev/null) == *$'\n  Candidate: '[!\(]* ]]
}

# deps_install GROUP… — installs what is missing. Packages that this release does not have are named and passed
# over (a test that needs one is then counted as skipped), except those without which nothing can be built.
deps_install() {
    local missing=() known=() package root=() careful=()
    mapfile -t missing < <(deps_missing $(deps_words "$@"))
    [ "${#missing[@]}" -gt 0 ] || return 0
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null || die "missing: ${missing[*]}; run as root: apt-get install ${missing[*]}"
        root=(sudo)
    fi
    say "missing packages: ${missing[*]}"
    if ! has_candidate make || ! has_candidate "${missing[0]}"; then
        "${root[@]}" apt-get update -q >&2
    fi
    mapfile -t missing < <(deps_missing $(deps_words "$@"))
    for package in "${missing[@]}"; do
        if has_candidate "$package"; then
            known+=("$package")
            [[ " $DEPS_SERVICES " != *" $package "* ]] || careful=(without_services)
        elif grep -qwF -- "$package" <<<"$DEPS_build"; then
            die "this release has no package $package, which building needs"
        else
            say "this release has no package $package; what needs it will be skipped"
        fi
    done
    [ "${#known[@]}" -gt 0 ] || return 0
    "${careful[@]}" "${root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -q -y --no-install-recommends "${known[@]}" >&2
}

# without_services COMMAND… — runs an installation in which no package may start its service: a web server that
# comes up on port 80 because somebody ran the benchmarks would be a nasty surprise. policy-rc.d is the switch that
# invoke-rc.d and deb-systemd-invoke ask; one that is already there is the administrator's and stays.
without_services() {
    local policy=/usr/sbin/policy-rc.d root=() status=0
    [ "$(id -u)" -eq 0 ] || root=(sudo)
    if [ -e "$policy" ]; then
        "$@"
        return
    fi
    printf '#!/bin/sh\nexit 101\n' | "${root[@]}" tee "$policy" >/dev/null
    "${root[@]}" chmod 755 "$policy"
    trap 'status=130' INT TERM
    "$@" || status=$?
    "${root[@]}" rm -f "$policy"
    trap - INT TERM
    return "$status"
}

# need GROUP… — what every command does first. Silent and quick where everything is there.
need() {
    [ -z "${NO_DEPS:-}" ] || return 0
    command -v dpkg-query >/dev/null || return 0
    deps_install "$@"
}

cmd_deps() {
    local print='' groups=() word
    for word; do
        case $word in
        --print) print=1 ;;
        *)
            [[ " ${DEPS_GROUPS_KNOWN[*]} " == *" $word "* ]] ||
                die "no such group: $word (${DEPS_GROUPS_KNOWN[*]})"
            groups+=("$word")
            ;;
        esac
    done
    [ "${#groups[@]}" -gt 0 ] || groups=("${DEPS_GROUPS_ALL[@]}")
    if [ -n "$print" ]; then
        deps_words "${groups[@]}"
        return
    fi
    command -v apt-get >/dev/null ||
        die "no apt-get here; install what corresponds to:" $(deps_words "${groups[@]}")
    deps_install "${groups[@]}"
    say "all there: ${groups[*]}"
}

# ---- flags -----------------------------------------------------------------------------------------------

CC=${CC:-gcc}
SANITIZE=${SANITIZE:-}
WITHOUT=${WITHOUT:-}

sanitizer_kind() {
    case $SANITIZE in
    '') ;;
    *fuzzer*) echo -fuzzer ;;
    *address*) echo -asan ;;
    *thread*) echo -tsan ;;
    *) echo -san ;;
    esac
}

set_flags() {
    local san
    # Looked for only now: it may have come with the packages that this run installed.
    APXS=${APXS:-$(command -v apxs || command -v apxs2 || true)}
    B=${BUILD_DIR:-build$(sanitizer_kind)}
    B=${B%/}
    case $B in *[[:space:]]*) die "make cannot work in a BUILD_DIR with blanks: $B" ;; esac

    BASE_FLAGS="-std=c11 -D_GNU_SOURCE -g -fPIC -fvisibility=hidden -Wall -Wextra -Wshadow -Werror"
    HARDEN="-fstack-protector-strong -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2"
    LINK_FLAGS="-Wl,-z,relro,-z,now -Wl,-z,noexecstack -Wl,--as-needed"
    if [ -n "$SANITIZE" ]; then
        # The sanitizers bring their own checked versions of the functions that FORTIFY wraps.
        san="-fsanitize=$SANITIZE -fno-omit-frame-pointer"
        [[ $SANITIZE != *undefined* ]] || san+=" -fno-sanitize-recover=undefined"
        # Where variables are from instruction to instruction takes gcc four times as long to find out, instrumented.
        [[ $("$CC" --version) == *clang* ]] || san+=" -fno-var-tracking"
        BASE_FLAGS+=" -O1 $san"
        HARDEN="-U_FORTIFY_SOURCE"
        LINK_FLAGS=$san
        MODULE_SAN=""
        # gcc links the shared runtime; clang has to be told, or a module would bring a second one.
        [[ $("$CC" --version) != *clang* ]] || MODULE_SAN="-shared-libsan"
    else
        BASE_FLAGS+=" -O2"
        MODULE_SAN=""
    fi

    # Of the encoders; the decoder is for the tests alone.
    CODING_LIBS="-lz -lbrotlienc"
    ! has_optional encoder_zstd || CODING_LIBS+=" -lzstd"
    CODING_TEST_LIBS="$CODING_LIBS -lbrotlidec"
    ! has_header "${OPTIONAL[encoder_zstd]}" || CODING_TEST_LIBS+=" -lzstd"

    APR_FLAGS='' APR_LIBS='' HTTPD_FLAGS=''
    if [ -n "$APXS" ]; then
        local apr apu
        apr=$("$APXS" -q APR_CONFIG)
        apu=$("$APXS" -q APU_CONFIG)
        # -isystem: a warning in somebody else's header is not our error.
        APR_FLAGS="$("$apr" --cppflags) -isystem $("$apr" --includedir)"
        APR_LIBS=$("$apr" --link-ld)
        HTTPD_FLAGS="-isystem $("$APXS" -q INCLUDEDIR) $APR_FLAGS -isystem $("$apu" --includedir)"
    fi
}

has_header() { "$CC" ${CFLAGS:-} -E -include "$1" -x c /dev/null -o /dev/null 2>/dev/null; }

# has_optional NAME — whether what OPTIONAL names for it is here, and not to be done without.
has_optional() { [[ " $WITHOUT " != *" $1 "* ]] && has_header "${OPTIONAL[$1]}"; }

# chosen FILE — whether it is to be compiled: of NAME.c and NAME_absent.c exactly one is.
chosen() {
    local name=${1##*/} own
    name=${name%.c}
    own=${name%_absent}
    [ -n "${OPTIONAL[$own]:-}" ] || return 0
    if has_optional "$own"; then [ "$name" = "$own" ]; else [ "$name" != "$own" ]; fi
}

# ---- the Makefile ----------------------------------------------------------------------------------------

declare -A INCLUDES=() LAYER_FLAGS=()

set_layers() {
    local layer lower dirs
    for layer in "${!ENGINE_SEES[@]}"; do
        dirs="-Isrc/engine/$layer"
        [ "$layer" != facade ] || dirs=''
        for lower in ${ENGINE_SEES[$layer]}; do dirs+=" -Isrc/engine/$lower"; done
        INCLUDES[$layer]="$dirs -I$B/include/engine"
        LAYER_FLAGS[$layer]=''
    done
    INCLUDES[compile]+=" -I$B/gen/engine"
    INCLUDES[host]="-Isrc/host"
    local dir
    for dir in src/host/*/; do
        [ -d "$dir" ] || continue
        dir=${dir%/}
        # An ABI sees the host's common part and itself, never another ABI; the common part wires them all.
        INCLUDES[${dir##*/}]="-I$dir -Isrc/host -I$B/include/engine"
        LAYER_FLAGS[${dir##*/}]=$HARDEN
        INCLUDES[host]+=" -I$dir"
    done
    INCLUDES[host]+=" -I$B/include/engine"
    INCLUDES[delivery]="-Isrc/delivery $APR_FLAGS"
    INCLUDES[httpd]="-Isrc/httpd -I$B/gen -I$B/include/delivery -I$B/include/host -I$B/include/engine $HTTPD_FLAGS"
    INCLUDES[tool]="-Isrc/tool -I$B/include/delivery -I$B/include/host -I$B/include/engine $APR_FLAGS"
    for layer in host delivery httpd tool; do LAYER_FLAGS[$layer]=$HARDEN; done
}

# A path inside a quoted include would walk around the include paths, so it is refused before anything compiles.
check_includes() {
    local found
    found=$(grep -rnE '^[[:space:]]*#[[:space:]]*include[[:space:]]*"[^"]*/' --include='*.[ch]' --include='*.def' \
        src mod_wasmserve.c 2>/dev/null || true)
    [ -z "$found" ] || die "a quoted include with a path in it goes around the layers; use the bare name:
$found"
}

# put FILE — stdin into FILE, touching it only where the text changed, so that make sees true changes alone.
put() {
    mkdir -p "$(dirname "$1")"
    cat >"$1.new"
    if cmp -s "$1.new" "$1"; then rm "$1.new"; else mv "$1.new" "$1"; fi
}

publish() {
    local owner=$1 dir=$B/include/$1 file
    shift
    mkdir -p "$dir"
    find "$dir" -type l ! -exec test -e {} \; -delete
    for file; do
        [ -e "$file" ] || continue
        [ "$dir/${file##*/}" -ef "$file" ] || ln -sfn "$TOP/$file" "$dir/${file##*/}"
    done
}

publish_headers() {
    local host=() name file
    publish engine "${ENGINE_PUBLIC[@]}"
    for name in "${HOST_PUBLIC[@]}"; do host+=("src/host/$name"); done
    for file in src/host/*/; do
        file=${file%/}
        host+=("$file/${file##*/}.h")
    done
    publish host "${host[@]}"
    publish delivery src/delivery/*.h
}

# engine_build — a name for the engine's sources, as a header on stdout: compiled code depends on them, and what the code
# cache keeps is not for another engine.
engine_build() {
    printf '/* Written by build.sh. */\n#define ENGINE_BUILD "%s"\n' \
        "$(find src/engine -name '*.[ch]' -o -name '*.def' | LC_ALL=C sort | xargs sha256sum | sha256sum | cut -c1-64)"
}

# embed_loader FILE — the loader's script as C arrays on stdout, for src/httpd/loader_handler.c: plain, and in each
# coding whose program is at hand. Of its comments only the first line goes along: they are for readers of the source,
# and a third of it. Made with every build, which takes a moment.
embed_loader() {
    local file=$B/gen/loader.js row forms=''
    sed '2,${/^ *\/\//d;/^$/d}' "$1" | put "$file"
    printf '/* Written by build.sh from %s. */\n#define LOADER_DIGEST "%.16s"\n' "$1" "$(sha256sum <"$file")"
    for row in 'IDENTITY cat' 'BR brotli -q 11 -c' 'ZSTD zstd -q -19 -c' 'GZIP gzip -9 -n -c'; do
        set -- $row
        command -v "$2" >/dev/null || continue
        printf 'static const unsigned char loader_%s[] = {\n' "$1"
        "${@:2}" "$file" | od -An -v -tx1 | sed 's/ \(..\)/0x\1,/g'
        printf '};\n'
        forms+=" ROW($1, loader_$1)"
    done
    printf '#define LOADER_FORMS(ROW)%s\n' "$forms"
}

# object FILE — where its object goes.
object() { printf '%s/obj/%s.o' "$B" "${1%.c}"; }

# compile_rule LAYER FILE — the rule for one object, and its row of compile_commands.json.
compile_rule() {
    local layer=$1 file=$2 out
    out=$(object "$file")
    printf '%s: %s %s/flags/%s\n\t@mkdir -p $(@D)\n\t$(call note,CC,%s)\n\t$(Q)$(CC) $(BASE) $(FLAGS_%s) $(XFLAGS) -MMD -MP -c -o $@ $<\n\n' \
        "$out" "$file" "$B" "$layer" "$file" "$layer"
    DEPFILES+=" ${out%.o}.d"
    printf '  {"directory": "%s", "file": "%s", "command": "%s"},\n' "$TOP" "$file" \
        "$CC $BASE_FLAGS ${INCLUDES[$layer]} ${LAYER_FLAGS[$layer]} -c $file" >>"$B/compile_commands.part"
}

# archive_rule NAME OBJECT… — a static library; the list of its members is a prerequisite, so that a file that
# was removed from the tree leaves the library as well.
archive_rule() {
    local name=$1
    shift
    printf '%s\n' "$@" | put "$B/flags/lib$name.list"
    printf '%s/lib/lib%s.a: %s %s/flags/lib%s.list\n\t@mkdir -p $(@D)\n\t@rm -f $@\n\t$(Q)ar rcs $@ %s\n\n' \
        "$B" "$name" "$*" "$B" "$name" "$*"
}

# layer_of FILE — the layers a test mirrors, from its tag: a comment `layers: decode base` near its beginning.
layer_of() {
    sed -n '1,12s/.*layers:[[:space:]]*\([a-z ]*[a-z]\).*/\1/p' "$1" | sed -n 1p
}

# test_program NAME MAIN… — a program from test sources; it sees what the layer it mirrors sees, and is linked
# with everything, of which the linker takes what is used.
test_rule() {
    local program=$1 first=$2 layer words includes='' objects='' file out
    shift
    words=$(layer_of "$first")
    [ -n "$words" ] || die "$first: no tag \"layers: …\" in its first lines says which layer it tests"
    for layer in $words; do
        [ -n "${INCLUDES[$layer]:-}" ] || die "$first: no such layer: $layer"
        includes+=" ${INCLUDES[$layer]}"
    done
    for file; do
        out=$B/obj/${program#"$B"/}/$(basename "${file%.c}").o
        printf '%s: %s %s/flags/%s\n\t@mkdir -p $(@D)\n\t$(call note,CC,%s)\n\t$(Q)$(CC) $(BASE) -Itest/unit -Itest/fuzz %s $(XFLAGS) -MMD -MP -c -o $@ $<\n\n' \
            "$out" "$file" "$B" "${words%% *}" "$file" "$includes"
        objects+=" $out"
        DEPFILES+=" ${out%.o}.d"
    done
    printf '%s: %s $(LIBS)\n\t@mkdir -p $(@D)\n\t$(Q)$(CC) $(LDTEST) -o $@ %s -Wl,--start-group $(LIBS) -Wl,--end-group %s %s -lm -lpthread\n\n' \
        "$program" "$objects" "$objects" "$CODING_TEST_LIBS" "$APR_LIBS"
}

write_makefile() {
    local layer file engine=() host=() delivery=() httpd=() tool=() unit=() fuzz=() name
    DEPFILES=''
    shopt -s nullglob
    mkdir -p "$B"
    : >"$B/compile_commands.part"
    for layer in "${!INCLUDES[@]}"; do
        printf '%s\n' "$CC $BASE_FLAGS ${INCLUDES[$layer]} ${LAYER_FLAGS[$layer]} ${CFLAGS:-}" | put "$B/flags/$layer"
    done
    printf '%s\n' "$CC $LINK_FLAGS $MODULE_SAN $CODING_LIBS $APR_LIBS" | put "$B/flags/link"
    printf '{\n  global: wasmserve_module;\n  local: *;\n};\n' | put "$B/flags/module.map"
    printf 'CC=%q\nSANITIZE=%q\n' "$CC" "$SANITIZE" | put "$B/config.env"

    {
        printf '# Written by build.sh; edit the groups there.\n\nCC = %s\nBASE = %s\nXFLAGS = %s\n' \
            "$CC" "$BASE_FLAGS" "${CFLAGS:-}"
        printf 'LDTEST = %s\n' "${FUZZ_LINK:-$LINK_FLAGS}"
        printf 'LIBS = %s\n' "$B/lib/libhttpd.a $B/lib/libhost.a $B/lib/libdelivery.a $B/lib/libengine.a"
        printf 'ifeq ($(V),)\nQ = @\nnote = @printf "  %%-4s %%s\\n" $(1) $(2)\nelse\nQ =\nnote = @:\nendif\n\n'
        for layer in "${!INCLUDES[@]}"; do
            printf 'FLAGS_%s = %s %s\n' "$layer" "${INCLUDES[$layer]}" "${LAYER_FLAGS[$layer]}"
        done
        printf '\n.DELETE_ON_ERROR:\n.PHONY: all unit fuzz\n\nall: $(LIBS)\n\t@:\n\n'

        for layer in "${ENGINE_LAYERS[@]}"; do
            for file in src/engine/"$layer"/*.c; do
                compile_rule "$layer" "$file"
                engine+=("$(object "$file")")
            done
        done
        for file in src/engine/*.c; do
            compile_rule facade "$file"
            engine+=("$(object "$file")")
        done
        for file in src/host/*.c; do
            compile_rule host "$file"
            host+=("$(object "$file")")
        done
        for file in src/host/*/*.c; do
            layer=${file%/*}
            compile_rule "${layer##*/}" "$file"
            host+=("$(object "$file")")
        done
        for file in src/delivery/*.c; do
            chosen "$file" || continue
            compile_rule delivery "$file"
            delivery+=("$(object "$file")")
        done
        for file in src/tool/*.c; do
            compile_rule tool "$file"
            tool+=("$(object "$file")")
        done
        for file in src/httpd/*.c; do
            [ -n "$HTTPD_FLAGS" ] || continue
            compile_rule httpd "$file"
            httpd+=("$(object "$file")")
        done
        archive_rule httpd "${httpd[@]}"
        if [ -e mod_wasmserve.c ] && [ -n "$HTTPD_FLAGS" ]; then
            compile_rule httpd mod_wasmserve.c
            httpd+=("$(object mod_wasmserve.c)")
        fi
        archive_rule engine "${engine[@]}"
        archive_rule host "${host[@]}"
        archive_rule delivery "${delivery[@]}"

        # The tool is linked object by object, not from the archives: a file that is never reached must still link.
        if [ "${#tool[@]}" -gt 0 ]; then
            tool+=("${engine[@]}" "${host[@]}" "${delivery[@]}")
            printf '%s\n' "${tool[@]}" | put "$B/flags/tool.list"
            printf 'all: %s/wasmserve\n%s/wasmserve: %s %s/flags/tool.list %s/flags/link\n\t$(call note,LINK,$@)\n\t$(Q)$(CC) %s -o $@ %s %s %s -lm -lpthread\n\n' \
                "$B" "$B" "${tool[*]}" "$B" "$B" "$LINK_FLAGS" "${tool[*]}" "$CODING_LIBS" "$APR_LIBS"
        else
            say "src/tool is empty: the tool is not built"
        fi
        if [ -e mod_wasmserve.c ] && [ -n "$HTTPD_FLAGS" ] && [ -z "${FUZZ_LINK:-}" ]; then
            httpd+=("${engine[@]}" "${host[@]}" "${delivery[@]}")
            printf '%s\n' "${httpd[@]}" | put "$B/flags/module.list"
            printf 'all: %s/mod_wasmserve.so\n%s/mod_wasmserve.so: %s %s/flags/module.list %s/flags/link %s/flags/module.map\n\t$(call note,LINK,$@)\n\t$(Q)$(CC) %s %s -shared -Wl,--version-script=%s/flags/module.map -o $@ %s %s -lm -lpthread\n\n' \
                "$B" "$B" "${httpd[*]}" "$B" "$B" "$B" "$LINK_FLAGS" "$MODULE_SAN" "$B" "${httpd[*]}" "$CODING_LIBS"
        elif [ ! -e mod_wasmserve.c ]; then
            say "there is no mod_wasmserve.c: the module is not built"
        fi

        for file in test/unit/*_test.c; do
            name=$(basename "${file%.c}")
            test_rule "$B/unit/$name" "$file"
            unit+=("$B/unit/$name")
        done
        for file in test/fuzz/*_fuzz.c; do
            name=$(basename "${file%_fuzz.c}")
            if [ -n "${FUZZ_LINK:-}" ]; then
                test_rule "$B/fuzz/$name" "$file"
            else
                test_rule "$B/fuzz/$name" "$file" test/fuzz/corpus_driver.c
            fi
            fuzz+=("$B/fuzz/$name")
        done
        printf 'unit: %s\nfuzz: %s\n\n-include %s\n' "${unit[*]}" "${fuzz[*]}" "$DEPFILES"
    } | put "$B/Makefile"
    { echo '['; sed '$s/,$//' "$B/compile_commands.part"; echo ']'; } | put "$B/compile_commands.json"
    rm "$B/compile_commands.part"
    shopt -u nullglob
}

# build [TARGET…] — brings $BUILD_DIR up to date; the targets are those of the Makefile (all, unit, fuzz, a file).
build() {
    set_flags
    set_layers
    check_includes
    [ -n "$APXS" ] || say "no apxs: what needs APR or httpd is not built"
    publish_headers
    # (The layering tests build trees without a loader.)
    [ ! -e "$LOADER" ] || embed_loader "$LOADER" | put "$B/gen/loader_bytes.h"
    engine_build | put "$B/gen/engine/engine_build.h"
    write_makefile
    make ${V:+V=1} --no-print-directory -j2 -k -f "$B/Makefile" "${@:-all}"
}

cmd_build() {
    need build
    build all
    say "built $(cd "$B" && ls -d mod_wasmserve.so wasmserve 2>/dev/null | tr '\n' ' ')in $B"
}

# make TARGET… — for the tests: the programs behind `unit` and `fuzz`, or one of them.
cmd_make() {
    need build
    build "$@"
}

# ---- install, demo, tests --------------------------------------------------------------------------------

# put_config FROM TO — a configuration file that is there already is the administrator's: ours goes beside it.
put_config() {
    if [ -e "$2" ] && ! cmp -s "$1" "$2"; then
        install -m 644 "$1" "$2.new"
        say "kept $2; the new one is $2.new"
    else
        install -D -m 644 "$1" "$2"
    fi
}

# install — module, tool and configuration. The module goes where apxs says; its LoadModule line is written for
# that place. On Debian a2enmod finds it afterwards; Fedora and its relatives load what lies in conf.modules.d.
cmd_install() {
    need build
    build all
    [ -e "$B/mod_wasmserve.so" ] && [ -e "$B/wasmserve" ] || die "nothing to install: the build is not complete"
    local dest=${DESTDIR:-} libexec conf work=$B/install debian=
    # Debian's httpd is called apache2 and has mods-available, which comes with the package of the service.
    [ "$("$APXS" -q PROGNAME)" != apache2 ] || [ ! -e /etc/debian_version ] || debian=1
    [ -z "$debian" ] || [ -n "$dest" ] || need install
    libexec=$("$APXS" -q LIBEXECDIR)
    conf=$("$APXS" -q SYSCONFDIR 2>/dev/null || true)
    [ -n "$conf" ] || conf=/etc/apache2
    mkdir -p "$work"
    sed "s|^\(LoadModule  *wasmserve_module  *\).*|\1$libexec/mod_wasmserve.so|" conf/wasmserve.load >"$work/load"

    # install(1) removes the old file first: a running httpd keeps the one that it has mapped.
    install -D -m 644 "$B/mod_wasmserve.so" "$dest$libexec/mod_wasmserve.so"
    install -D -m 755 "$B/wasmserve" "$dest${PREFIX:-/usr/local}/bin/wasmserve"
    if [ -n "$debian" ]; then
        put_config "$work/load" "$dest$conf/mods-available/wasmserve.load"
        put_config conf/wasmserve.conf "$dest$conf/mods-available/wasmserve.conf"
        say "installed; switch it on with: a2enmod wasmserve && apachectl configtest && apachectl graceful"
    elif [ -d /etc/httpd/conf.modules.d ]; then
        conf=/etc/httpd
        put_config "$work/load" "$dest$conf/conf.modules.d/10-wasmserve.conf"
        put_config conf/wasmserve.conf "$dest$conf/conf.d/wasmserve.conf"
        say "installed and loaded from the next start on; check with: apachectl configtest"
    else
        cat "$work/load" conf/wasmserve.conf >"$work/both"
        put_config "$work/both" "$dest$conf/extra/wasmserve.conf"
        say "installed; put this line into httpd.conf: Include $conf/extra/wasmserve.conf"
    fi
}

# demo [PORT] — everything about it is in conf/demo.
cmd_demo() {
    need build demo
    build all
    BUILD_DIR=$(cd "$B" && pwd) exec conf/demo/run "$@"
}

# test [RING…] — the rings without a server need nothing that building does not need.
cmd_test() {
    local ring groups=(build)
    [ $# -gt 0 ] || groups=(build demo test browser)
    for ring; do
        case $ring in
        unit | without | spec | fuzz) ;;
        browser) groups=(build demo test browser) ;;
        *) [[ " ${groups[*]} " == *" test "* ]] || groups+=(demo test) ;;
        esac
    done
    need "${groups[@]}"
    set_flags
    BUILD_DIR=$B exec test/run "$@"
}

cmd_bench() {
    need build demo bench
    build all
    BUILD_DIR=$(cd "$B" && pwd) exec test/bench/run "$@"
}

# sources — what the tools below look at: our C, not the guests, which are programs of their own kind.
sources() {
    find src mod_wasmserve.c test/unit test/fuzz -name '*.[ch]' 2>/dev/null | sort
}

cmd_lint() {
    local status=0
    need build lint
    build all || status=1
    say "clang-format"
    sources | xargs -r clang-format --dry-run -Werror || status=1
    # One file a run: given several, its analyzer mistakes va_lists of one for those of another.
    say "clang-tidy"
    sed -n 's/.*"file": "\([^"]*\)".*/\1/p' "$B/compile_commands.json" |
        xargs -r -P 2 -n 1 clang-tidy -p "$B" --quiet 2>/dev/null || status=1
    # What is not initialized, gcc and the sanitizers find; cppcheck does not see writes through a pointer to it. The
    # interpreter's loop, one function of all instructions, it does not get: its value analysis takes minutes over it
    # and does not know hexadecimal floating constants.
    say "cppcheck"
    grep -vF '"src/engine/interp/execute.c"' "$B/compile_commands.json" >"$B/cppcheck.json"
    cppcheck --quiet --std=c11 --enable=warning,performance,portability --inline-suppr --error-exitcode=1 \
        --suppress=missingIncludeSystem --suppress=uninitvar --suppress=legacyUninitvar -j 2 --project="$B/cppcheck.json" || status=1
    [ "$status" -eq 0 ] && say "nothing found"
    return "$status"
}

# fuzz TARGET SECONDS — libFuzzer on test/fuzz/TARGET_fuzz.c. What it finds interesting is kept in the build
# directory; inputs worth keeping for the normal test are copied into test/fuzz/corpus/TARGET by hand.
cmd_fuzz() {
    local target=${1:-} seconds=${2:-60}
    if [ ! -e "test/fuzz/${target}_fuzz.c" ]; then
        say "targets:" $(ls test/fuzz/*_fuzz.c 2>/dev/null | sed 's|.*/||; s|_fuzz\.c$||')
        exit 64
    fi
    need build lint
    CC=clang
    SANITIZE=fuzzer-no-link,address,undefined
    FUZZ_LINK="-fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined"
    set_flags
    build "$B/fuzz/$target"
    mkdir -p "$B/fuzz/found/$target"
    exec "$B/fuzz/$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2560 -print_final_stats=1 \
        -artifact_prefix="$B/fuzz/$target-" "$B/fuzz/found/$target" "test/fuzz/corpus/$target"
}

usage() {
    cat <<'END'
usage: ./build.sh [COMMAND]
  (none)                    build the module and the tool into $BUILD_DIR (default: build)
  demo [PORT]               build, start a private httpd on 127.0.0.1:PORT (8080) and print what to look at
  test [RING…]              every test, or the rings named: layering unit without spec regress fuzz tool
                            sanitize httpd httpd-asan demo browser; and httpd-tsan, if it is named
  bench [NAME…]             the benchmarks, against the peers that are installed: delivery pack plugin engine; and, if
                            they are named, soak: 100,000 hostile requests, and what they leave behind;
                            differential [SECONDS]: random modules in the engine's tiers and in node's
  install                   module, tool and configuration, where apxs says
  deps [--print] [GROUP…]   install (or only list) packages: build demo test browser lint bench install
  lint                      clang-format, clang-tidy and cppcheck over the sources
  fuzz TARGET [SECONDS]     libFuzzer on one target of test/fuzz
  clean                     remove $BUILD_DIR
  help                      this text
Variables: BUILD_DIR CC CFLAGS SANITIZE APXS DESTDIR PREFIX NO_DEPS WITHOUT V (the head of build.sh explains them)
END
}

main() {
    local command=${1:-build}
    [ $# -eq 0 ] || shift
    case $command in
    build | deps | make | install | demo | test | bench | lint | fuzz) "cmd_$command" "$@" ;;
    clean)
        set_flags
        rm -rf -- "$B"
        ;;
    help | -h | --help) usage ;;
    *)
        usage >&2
        exit 64
        ;;
    esac
}

main "$@"
