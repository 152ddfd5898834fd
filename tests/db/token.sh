#!/usr/bin/env bash
# Owns the making of keys, key sets and signed tokens for the tests of issuers, with openssl.
# Must never judge a token: it signs whatever header and payload it is given.
# Called by tests/db/jwt.sql through psql's backticks.
#   token.sh key rsa|ec|ec384|ed FILE         makes a private key
#   token.sh jwks FILE…                       the key set of their public halves, kid = the file's name
#   token.sh sign ALGORITHM FILE HEADER PAYLOAD
set -euo pipefail

base64url() { openssl base64 -A | tr '+/' '-_' | tr -d '='; }
unhex() { sed 's/../\\x&/g' | xargs -0 printf '%b'; }

# The last bytes of the public half in DER.
tail_of() { openssl pkey -in "$1" -pubout -outform DER | tail -c "$2"; }

key() {
    case $1 in
        rsa) openssl genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out "$2" ;;
        ec) openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$2" ;;
        ec384) openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384 -out "$2" ;;
        ed) openssl genpkey -algorithm ED25519 -out "$2" ;;
    esac
}

jwk() {
    local kid
    kid=$(basename "$1")
    case $(openssl pkey -in "$1" -noout -text | head -n 1) in
        RSA* | *"(2048 bit"*)
            printf '{"kty":"RSA","kid":"%s","use":"sig","e":"AQAB","n":"%s"}' "$kid" \
                "$(openssl rsa -in "$1" -noout -modulus 2>/dev/null | sed 's/^Modulus=//' | tr -d '\n' | unhex | base64url)"
            ;;
        *"(256 bit"*)
            printf '{"kty":"EC","kid":"%s","crv":"P-256","x":"%s","y":"%s"}' "$kid" \
                "$(tail_of "$1" 64 | head -c 32 | base64url)" "$(tail_of "$1" 32 | base64url)"
            ;;
        *"(384 bit"*)
            printf '{"kty":"EC","kid":"%s","crv":"P-384","x":"%s","y":"%s"}' "$kid" \
                "$(tail_of "$1" 96 | head -c 48 | base64url)" "$(tail_of "$1" 48 | base64url)"
            ;;
        ED25519*) printf '{"kty":"OKP","kid":"%s","crv":"Ed25519","x":"%s"}' "$kid" "$(tail_of "$1" 32 | base64url)" ;;
    esac
}

jwks() {
    local file comma=
    printf '{"keys":['
    for file; do
        printf '%s' "$comma"
        jwk "$file"
        comma=,
    done
    printf ']}'
}

# An ECDSA signature in DER → r and s side by side (RFC 7518, 3.4).
fixed() {
    openssl asn1parse -inform DER \
        | sed -n 's/.*INTEGER *://p' \
        | while read -r number; do printf "%${1}s" "$number" | tr ' ' 0; done \
        | unhex
}

sign() {
    local folder signed
    folder=$(mktemp -d)
    signed=$(printf %s "$3" | base64url).$(printf %s "$4" | base64url)
    printf %s "$signed" >"$folder/signed"
    printf '%s.' "$signed"
    case $1 in
        RS256) openssl dgst -sha256 -sign "$2" "$folder/signed" ;;
        PS256) openssl dgst -sha256 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:digest -sign "$2" "$folder/signed" ;;
        ES256) openssl dgst -sha256 -sign "$2" "$folder/signed" | fixed 64 ;;
        ES256-DER) openssl dgst -sha256 -sign "$2" "$folder/signed" ;;
        ES384) openssl dgst -sha384 -sign "$2" "$folder/signed" | fixed 96 ;;
        EdDSA) openssl pkeyutl -sign -rawin -inkey "$2" -in "$folder/signed" ;;
        HS256-PEM) openssl dgst -sha256 -mac HMAC -macopt "hexkey:$(openssl pkey -in "$2" -pubout | od -An -v -tx1 | tr -d ' \n')" -binary "$folder/signed" ;;
        none) : ;;
    esac | base64url
    rm -rf "$folder"
}

"$@"
