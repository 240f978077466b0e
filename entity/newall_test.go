package entity_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/entity"
)

func TestManyAreDefinedAtOnce(t *testing.T) {
	t.Parallel()
	at := newPlace(t, engine.SQLite)
	definitions := make([]entity.Definition[int, struct{}], 100)
	for i := range definitions {
		definitions[i] = entity.Definition[int, struct{}]{ID: fmt.Sprintf("entity.%d", i), State: -1}
	}
	store := at.open(t)
	made, err := entity.NewAll(store, definitions)
	must(t, err)
	for i, one := range made {
		must(t, one.Set(t.Context(), i))
	}
	closed(t, store)

	store = at.open(t)
	define(t, store, definitions[7])
	definitions[40].ID = ""
	made, err = entity.NewAll(store, definitions)
	collision, is := errors.AsType[*entity.CollisionError](err)
	if !is || collision.ID != "entity.7" || !strings.Contains(collision.First+collision.Second, "newall_test.go") || strings.Count(err.Error(), "define an entity") != 2 {
		t.Errorf("got %v", err)
	}
	for i, one := range made {
		if refused := i == 7 || i == 40; refused != (one == nil) {
			t.Errorf("entity %d: refused %t, made %t", i, refused, one != nil)
		} else if !refused && one.State() != i {
			t.Errorf("entity %d has %d", i, one.State())
		}
	}
	definitions[40].ID = "entity.40"
	if again := define(t, store, definitions[40]); again.State() != 40 {
		t.Errorf("got %d", again.State())
	}
	empty, err := entity.NewAll[int, struct{}](store, nil)
	if len(empty) != 0 || err != nil {
		t.Errorf("got %v, %v", empty, err)
	}
}
