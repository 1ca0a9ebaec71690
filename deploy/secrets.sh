#!/bin/sh
# Makes the secrets of compose.yaml in secrets/, once: what is there stays as it is.
# The folder is its owner's alone; the files in it are readable, because the containers' users must read them.
set -eu
umask 077
cd "$(dirname "$0")"
mkdir -p secrets

word() { openssl rand -hex 32; }
keep() { # keep NAME: a secret that stays when it is there
  if [ ! -s "secrets/$1" ]; then word > "secrets/$1"; fi
  chmod 0444 "secrets/$1"
}

# Keep the pepper for ever: another one makes every person a new one. With another alerts_key channels are made anew.
for name in pepper session_secret alerts_key clickhouse_admin clickhouse_ingest clickhouse_api clickhouse_settings \
  clickhouse_alerts clickhouse_analyst \
  clickhouse_archive clickhouse_auditor clickhouse_grafana grafana_admin store_user store_password; do
  keep "$name"
done

# Addresses of ClickHouse with the password in them, for who writes what the api's pages change.
for user in settings alerts; do
  printf 'http://%s:%s@clickhouse:8123/trailhouse\n' "$user" "$(cat "secrets/clickhouse_$user")" \
    > "secrets/clickhouse_${user}_dsn.new"
  mv "secrets/clickhouse_${user}_dsn.new" "secrets/clickhouse_${user}_dsn"
  chmod 0444 "secrets/clickhouse_${user}_dsn"
done

# Not ours to make; empty until you write them: of a mail server, of an OpenID provider, of a signed archive, of an incoming
# webhook at Slack.
for name in smtp_password oidc_client_secret archive_signing_key archive_public_key alertmanager_slack; do
  if [ ! -e "secrets/$name" ]; then : > "secrets/$name"; fi
  chmod 0644 "secrets/$name"
done

# How the archive opens the store of compose.yaml; write another store's here.
if [ ! -s secrets/archive_options ]; then
  printf '{"endpoint_url": "http://store:9000", "key": "%s", "secret": "%s"}\n' \
    "$(cat secrets/store_user)" "$(cat secrets/store_password)" > secrets/archive_options
fi
chmod 0444 secrets/archive_options

# ClickHouse knows the passwords by their SHA-256 alone.
{
  echo "<clickhouse><users>"
  for user in admin ingest api settings alerts analyst archive auditor grafana; do
    digest=$(tr -d '\n' < "secrets/clickhouse_$user" | sha256sum | cut -d ' ' -f 1)
    echo "<$user><password_sha256_hex>$digest</password_sha256_hex></$user>"
  done
  echo "</users></clickhouse>"
} > secrets/clickhouse_passwords.xml.new
mv secrets/clickhouse_passwords.xml.new secrets/clickhouse_passwords.xml
chmod 0444 secrets/clickhouse_passwords.xml
echo "secrets/ is complete; keep a copy of secrets/pepper somewhere safe"
