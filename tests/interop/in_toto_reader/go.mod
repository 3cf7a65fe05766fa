module github.com/intelgraph/conductor/tests/interop/in_toto_reader

go 1.23

require (
	github.com/in-toto/attestation v1.2.0
	google.golang.org/protobuf v1.36.11
)
