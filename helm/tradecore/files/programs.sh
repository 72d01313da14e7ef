# Anew where the node has started the pod again.
rm -rf /programs/*
from=$(dirname "$(readlink -f "$(command -v postgres)")")
cp --parents $(printf "$from/%s " postgres initdb pg_ctl pg_basebackup pg_receivewal pg_verifybackup) /programs
cp --parents "${from%/bin}"/lib/*.so /programs
# The compiler of queries needs far more libraries than all of the rest, and a restore none of its speed.
rm -f "/programs${from%/bin}"/lib/llvmjit*.so
cp --recursive --parents "${from%/lib/postgresql/*}/share/postgresql" /programs
mkdir /programs/lib
for program in "/programs$from"/*; do LD_TRACE_LOADED_OBJECTS=1 "$program"; done |
  sed -n 's,.* => \(/[^ ]*\) .*,\1,p' | grep -vE '/lib(c|m|dl|rt|pthread|resolv)\.so' | sort -u | xargs cp --dereference --target-directory=/programs/lib
ln -s "/programs$from" /programs/bin
