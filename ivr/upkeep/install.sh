#!/bin/sh
# 没有网络的机器上装热线：核对文件，装 Python 和软件包，放好 Asterisk、语音模型、网页用的库，装成系统服务。
# 用法：tar -xf 本文件，进入文件夹，sudo sh install.sh。做过的再做一次无妨。
# Installs the line as a system service on a machine without a network, and says what it does.
set -eu
cd "$(dirname "$0")"
here=$(pwd)
place=/opt/ivr-12329
cache=/var/lib/ivr/cache/ivr-12329

say() { echo "[$1/5] $2"; }
refuse() { echo "install.sh: $1" >&2; exit 1; }

[ "$(id -u)" = 0 ] || refuse "要用 root 运行 · only root can: sudo sh install.sh"

say 1 "核对系统和每个文件 · checking the system and every file"
wanted=$(cat RELEASE)
found=$(. /etc/os-release && echo "$ID ${VERSION_ID:-?}") || found=?
found="$found $(dpkg --print-architecture 2>/dev/null || uname -m)"
[ "$found" = "$wanted" ] || refuse "这个安装包是给 $wanted 的，本机是 $found；请在同样的系统上重新制作（make bundle）· this bundle is for $wanted, this machine is $found: make it on such a machine"
bad=$(sha256sum --quiet -c SHA256SUMS 2>&1) || refuse "文件损坏或缺失，请重新拷贝；什么也没有装 · damaged or missing files, copy the bundle again; nothing was installed:
$bad"

say 2 "Python · the packages of $wanted that are missing"
if ! python3 -c 'import ensurepip, venv, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
  apt=$(mktemp -d)
  mkdir -p "$apt/lists/partial"
  echo "deb [trusted=yes] file:$here/packages ./" > "$apt/bundle.list"
  only="-qq -o Dir::Etc::SourceList=$apt/bundle.list -o Dir::Etc::SourceParts=/dev/null -o Dir::State::Lists=$apt/lists -o APT::Sandbox::User=root -o APT::Install-Recommends=false"
  apt-get $only update
  DEBIAN_FRONTEND=noninteractive apt-get $only install -y python3 python3-venv > "$apt/log" 2>&1 \
    || { cat "$apt/log" >&2; refuse "Python 没有装成 · Python could not be installed"; }
  rm -r "$apt"
fi

say 3 "热线的程序：$place · the line's programs"
mkdir -p "$place"
[ -x "$place/.venv/bin/pip" ] || python3 -m venv "$place/.venv"
"$place/.venv/bin/pip" install -qq --disable-pip-version-check --no-index --find-links wheels --require-hashes -r requirements.run.lock
"$place/.venv/bin/pip" install -qq --disable-pip-version-check --no-index --no-deps --force-reinstall wheels/ivr_12329-*.whl
cp -r licences LICENCES.tsv "$place/"

say 4 "Asterisk、语音模型、网页用的库：$cache · Asterisk, the voice, what the pages load"
mkdir -p "$cache"
mkdir -p "$cache/pages"
tar --no-same-owner -xzf cache/pages.tar.gz -C "$cache/pages"
for name in asterisk-root voice; do
  [ ! -e "$cache/$name" ] || continue
  rm -rf "$cache/.$name.new"
  mkdir "$cache/.$name.new"
  tar --no-same-owner -xzf "cache/$name.tar.gz" -C "$cache/.$name.new"
  mv "$cache/.$name.new" "$cache/$name"
done
chmod 755 /var/lib/ivr "$cache"

say 5 "系统服务 · the system service: ivr service install"
"$place/.venv/bin/ivr" service install
echo "装好了 · installed: ivr --help"
