# What the set-up scripts share: where the checkout is, what this machine may be asked for, how to say no in one sentence.
# Sourced by bash, never run.

set -euo pipefail
unset PYTHONPATH PYTHONHOME PIP_USER PIP_TARGET PIP_PREFIX CDPATH

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
cache=$root/.cache
mkdir -p "$cache/bin"

say() { printf '%s\n' "$*" >&2; }

stop() {
    say "$*"
    exit 1
}

# One at a time: `locked FILE COMMAND …`. Without flock(1), which every Debian has, nothing is shared and nothing waits.
locked() {
    local file=$1
    shift
    (
        mkdir -p "$(dirname -- "$file")"
        if command -v flock >/dev/null; then
            exec 9>"$file"
            flock 9
        fi
        "$@"
    )
}

# Debian 12 or later, Ubuntu 24.04 or later: where packages are installed without asking, if the user is root.
supported_system() (
    [ -r /etc/os-release ] || return 1
    . /etc/os-release
    case ${ID:-} in
        debian) [ "${VERSION_ID:-99}" -ge 12 ] ;;
        ubuntu) dpkg --compare-versions "${VERSION_ID:-0}" ge 24.04 ;;
        *) return 1 ;;
    esac
)

may_install() { [ "$(id -u)" = 0 ] && supported_system && command -v apt-get >/dev/null; }

in_archive() { [[ $(apt-cache policy "$1" 2>/dev/null) == *"Candidate: "[!\(]* ]]; }

# What is installed for the machine gets ordinary permissions, whatever the user's umask.
apt() (
    umask 022
    DEBIAN_FRONTEND=noninteractive exec apt-get -q -o DPkg::Lock::Timeout=600 "$@" 2>&1 </dev/null 9>&-
)

# `apt_install NAME …` installs those of the names that the archive has.
apt_install() {
    local wanted=() name log=$cache/apt.log
    apt update >"$log" || say "apt-get update had errors (in .cache/apt.log); going on with the lists that are there."
    for name in "$@"; do
        if in_archive "$name"; then wanted+=("$name"); fi
    done
    [ ${#wanted[@]} -gt 0 ] || return 1
    say "Installing ${wanted[*]} with apt-get …"
    apt install -y --no-install-recommends "${wanted[@]}" >>"$log" || { tail -n 15 "$log" >&2; return 1; }
}
