#!/bin/sh
# Builds the C libraries and installs them with headers and laneq.pc. Needs cargo and a C compiler.
#
#   sh src/capi/install.sh [prefix=/usr/local] [destdir=] [libdir=PREFIX/lib] [profile=release]
#
# `destdir` goes in front of every path that is written, and into none of the files.
set -eu
prefix=/usr/local destdir= libdir= profile=release
for word in "$@"; do
  case "$word" in
  prefix=* | destdir=* | libdir=* | profile=*) eval "${word%%=*}=\${word#*=}" ;;
  *) echo "$0: $word: one of prefix=, destdir=, libdir=, profile=" >&2 && exit 2 ;;
  esac
done
libdir=${libdir:-$prefix/lib}

here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.."
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml | head -n 1)
abi=$(sed -n 's/^#define LANEQ_ABI_MAJOR //p' "$here/laneq.h")

case "$(uname -s)" in
Darwin)
  full=liblaneq.$version.dylib major=liblaneq.$abi.dylib plain=liblaneq.dylib
  name="-Wl,-install_name,$libdir/$major"
  ;;
*)
  full=liblaneq.so.$version major=liblaneq.so.$abi plain=liblaneq.so
  name="-Wl,-soname,$major"
  ;;
esac

# What a program needs beside liblaneq.a: only the compiler knows, and says so.
said=$("${CARGO:-cargo}" rustc --locked --lib --features capi --profile "$profile" \
  --crate-type cdylib,staticlib -- -C "link-arg=$name" --print native-static-libs 2>&1) ||
  { echo "$said" >&2 && exit 1; }
private=$(echo "$said" | sed -n 's/^.*native-static-libs: //p' | tail -n 1)

folder=$profile
[ "$profile" = dev ] && folder=debug
built=${CARGO_TARGET_DIR:-target}/$folder
lib=$destdir$libdir include=$destdir$prefix/include
mkdir -p "$lib/pkgconfig" "$include"
rm -f "$lib/$full" "$lib/liblaneq.a"
cp "$built/$plain" "$lib/$full"
cp "$built/liblaneq.a" "$lib/liblaneq.a"
ln -sf "$full" "$lib/$major"
ln -sf "$major" "$lib/$plain"
cp "$here/laneq.h" "$here/laneq.hpp" "$include"
mkdir -p "$include/laneq"
cp "$here/laneq/"*.hpp "$include/laneq"
cat >"$lib/pkgconfig/laneq.pc" <<END
prefix=$prefix
libdir=$libdir
includedir=\${prefix}/include

Name: laneq
Description: A lane queue for AI agents
Version: $version
Libs: -L\${libdir} -llaneq
Libs.private: $private
Cflags: -I\${includedir}
END
echo "laneq $version: $lib/$full, liblaneq.a, $include/laneq.h, laneq.hpp, laneq.pc"
