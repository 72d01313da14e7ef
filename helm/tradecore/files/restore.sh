# PostgreSQL's folder takes its name at the end, and the one that it replaces keeps another: a restore that fails changes nothing.
cd /var/lib/postgresql/data
rm -rf restored restored.*
tradecore restore --into "$PWD/restored" --why "$RESTORE_WHY" ${RESTORE_TO:+--to "$RESTORE_TO"}
test ! -e pgdata || mv pgdata "pgdata.before-$(date -u +%Y%m%dT%H%M%SZ)"
mv restored pgdata
sync
