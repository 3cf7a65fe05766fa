// In-toto's own Go types: a statement on standard input -> what they read in it, as JSON on standard output.
//
// The statement has to be valid, with no field that in-toto does not know. Where it is a SLSA verification summary its
// predicate is read as one; fields that SLSA does not know are passed over, as it asks of consumers.
package main

import (
	"fmt"
	"io"
	"os"

	summary "github.com/in-toto/attestation/go/predicates/vsa/v1"
	attestation "github.com/in-toto/attestation/go/v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

const summaryType = "https://slsa.dev/verification_summary/v1"

func read(data []byte) (proto.Message, error) {
	statement := &attestation.Statement{}
	if err := protojson.Unmarshal(data, statement); err != nil {
		return nil, err
	}
	if err := statement.Validate(); err != nil {
		return nil, err
	}
	if statement.GetPredicateType() != summaryType {
		return statement, nil
	}
	predicate, err := protojson.Marshal(statement.GetPredicate())
	if err != nil {
		return nil, err
	}
	found := &summary.VerificationSummary{}
	return found, protojson.UnmarshalOptions{DiscardUnknown: true}.Unmarshal(predicate, found)
}

func main() {
	data, err := io.ReadAll(os.Stdin)
	if err == nil {
		var found proto.Message
		if found, err = read(data); err == nil {
			data, err = protojson.Marshal(found)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(string(data))
}
