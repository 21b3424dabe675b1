# Where this host keeps the service. CODEYARD_HOST_ROOT is empty on a machine that is one host.
root="${CODEYARD_HOST_ROOT:-}"
home="$root/srv/greeter"
pid_file="$root/var/run/greeter.pid"
PORT=8080
[ -f "$root/etc/greeter.env" ] && . "$root/etc/greeter.env"
export PORT
