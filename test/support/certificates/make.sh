#!/bin/sh
# Makes the certificates of the tests again: throw-away keys that open nothing, valid for a century.
set -eu
cd "$(dirname "$0")"
authority() {
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 36500 \
    -subj "/CN=$2" -keyout "$1-key.pem" -out "$1.pem" 2>/dev/null
}
certificate() {
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj "/CN=$2" \
    -addext "subjectAltName=DNS:localhost,IP:127.0.0.1" -keyout "$1-key.pem" -out "$1.csr" 2>/dev/null
  openssl x509 -req -in "$1.csr" -CA "$3.pem" -CAkey "$3-key.pem" -days "$4" -copy_extensions copy \
    -out "$1.pem" 2>/dev/null
  rm "$1.csr"
}
authority authority "Tocsin test authority"
authority stranger-authority "Another authority"
certificate server localhost authority 36500
certificate renewed-server localhost authority 36500
certificate client "a sender" authority 36500
certificate stranger "a stranger" stranger-authority 36500
# Ended the day after it was made.
certificate expired "a late sender" authority -1
rm -f authority-key.pem stranger-authority-key.pem ./*.srl
