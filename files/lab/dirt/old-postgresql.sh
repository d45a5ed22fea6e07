# The data of an older version, which nobody has removed.
for dir in /var/lib/postgresql/13/main /var/lib/pgsql/13/data; do
  mkdir -p "$dir/base"
  echo 13 >"$dir/PG_VERSION"
done
mkdir -p /etc/postgresql/13/main
printf '%s\n' "data_directory = '/var/lib/postgresql/13/main'" 'port = 5432' >/etc/postgresql/13/main/postgresql.conf
