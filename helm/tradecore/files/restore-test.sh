cd /var/lib/backup
rm -rf look look.*
trap 'rm -rf look look.*' EXIT
tradecore restore --aside --into "$PWD/look" --why "the test of the backup"
