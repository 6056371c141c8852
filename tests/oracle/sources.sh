#!/bin/sh
# Gets Debian packages without touching the machine's own package lists.
#
#   sources.sh source  STATE INTO PACKAGE...   unpacks source packages (patched) below INTO
#   sources.sh extract STATE INTO PACKAGE...   unpacks the files of binary packages below INTO
#
# The archives are those of the machine's own /etc/apt; the lists lie below STATE. Existing
# directories are left as they are.
set -eu

mode=$1 state=$2 into=$3
shift 3
mkdir -p "$state/lists/partial" "$state/cache/archives/partial" "$into"
state=$(cd "$state" && pwd)
into=$(cd "$into" && pwd)
. /etc/os-release

# One line per archive: options, address, suite. Only Debian's own suites of this release with a
# component `main`: others need not have sources.
archives() {
    for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
        [ -f "$file" ] || continue
        sed -n 's/#.*//; s/^deb  *\(\[[^]]*\]\)\{0,1\} */\1|/p' "$file" |
            awk -F'|' '{ split($2, f, " "); if ($2 ~ / main( |$)/) print $1 "|" f[1] "|" f[2] }'
    done
    for file in /etc/apt/sources.list.d/*.sources; do
        [ -f "$file" ] || continue
        grep -v '^#' "$file" | awk '
            function flush(  u, s, i, j, nu, ns, options) {
                if (types ~ /deb( |$)/ && components ~ /(^| )main( |$)/ && enabled != "no") {
                    options = key ~ /^\// ? "[signed-by=" key "]" : ""
                    nu = split(uris, u, " "); ns = split(suites, s, " ")
                    for (i = 1; i <= nu; i++) for (j = 1; j <= ns; j++)
                        print options "|" u[i] "|" s[j]
                }
                types = uris = suites = components = key = enabled = ""
            }
            /^[ \t]*$/ { flush(); next }
            { field = tolower($1); value = $0; sub(/^[^:]*:[ \t]*/, "", value) }
            field == "types:" { types = value }
            field == "uris:" { uris = value }
            field == "suites:" { suites = value }
            field == "components:" { components = value }
            field == "signed-by:" { key = value }
            field == "enabled:" { enabled = value }
            END { flush() }'
    done
}

apt() {
    apt-get -qq -o APT::Sandbox::User=root -o Dir::Etc::sourcelist="$state/sources.list" \
        -o Dir::Etc::sourceparts=- -o Dir::State::lists="$state/lists" \
        -o Dir::Cache="$state/cache" "$@"
}

update() {
    [ -e "$state/updated" ] && return
    archives | while IFS='|' read -r options address suite; do
        case $suite in
        "$VERSION_CODENAME" | "$VERSION_CODENAME"-updates | "$VERSION_CODENAME"-security)
            echo "deb $options $address $suite main"
            echo "deb-src $options $address $suite main"
            ;;
        esac
    done | sort -u >"$state/sources.list"
    if ! [ -s "$state/sources.list" ]; then
        echo "no Debian archive of $VERSION_CODENAME in /etc/apt: add one and run again" >&2
        exit 1
    fi
    apt update
    : >"$state/updated"
}

for package; do
    done="$into/.$package"
    [ -e "$done" ] && continue
    update
    case $mode in
    source)
        rm -rf "$into/$package" "$into/.tmp"
        mkdir -p "$into/.tmp"
        (cd "$into/.tmp" && apt source "$package" >/dev/null 2>"$state/log") || {
            cat "$state/log" >&2
            exit 1
        }
        mv "$into"/.tmp/*/ "$into/$package"
        sed -n 's/^Version: //p' "$into"/.tmp/*.dsc | head -n 1 >"$done"
        ;;
    extract)
        rm -rf "$into/.tmp"
        mkdir -p "$into/.tmp"
        (cd "$into/.tmp" && apt download "$package")
        dpkg-deb --field "$into"/.tmp/*.deb Version >"$state/version"
        dpkg-deb --extract "$into"/.tmp/*.deb "$into"
        mv "$state/version" "$done"
        ;;
    esac
    rm -rf "$into/.tmp"
done
