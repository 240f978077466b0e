package setting

import (
	"errors"
	"testing"
)

func TestProgramWithoutAnImportPathNeedsAnID(t *testing.T) {
	t.Parallel()
	r := &reader{names: Names{}.complete(), lookup: func(string) (string, bool) { return "", false }, settings: &Settings{}}
	err := r.application(func() string { return "" })
	const want = "SYNAPSE_METADATA_UNIQUE_ID: there is none, and this program has no import path, which is used then: it was built from single files; " +
		"allowed: any text that stays the same, in the variable, in Config.Application or in Config.Name"
	if _, typed := errors.AsType[*Error](err); !typed || err.Error() != want {
		t.Errorf("the error is %v", err)
	}
}
