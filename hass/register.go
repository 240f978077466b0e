package hass

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/synapsedb/synapse/entity"
	"github.com/synapsedb/synapse/hass/component"
)

// RegisterID is the id of the entity in which a store remembers what Home Assistant was told of, so that the next run knows what is gone.
const RegisterID = "synapse.hass.announced"

// told is where Home Assistant was told of an entity.
type told struct {
	Prefix    string    `json:"prefix"`
	Discovery Discovery `json:"discovery"`
	Device    string    `json:"device,omitempty"`
	Platform  string    `json:"platform"`
	Entity    string    `json:"entity"`
}

// topic is that of discovery.
func (t told) topic(application string) string {
	if t.Discovery == SingleComponent {
		return component.SingleTopic(t.Prefix, application, t.Device, t.Platform, t.Entity)
	}
	return component.DeviceTopic(t.Prefix, application, t.Device)
}

// announced is the state of the register.
type announced struct {
	Told []told `json:"told"`
}

// register keeps what was told in the store.
type register struct {
	raw *entity.Raw
	use *use
}

// use is whether a link uses a store; it is found as the register's Options.
type use struct {
	mu   sync.Mutex
	link bool
}

// newRegister defines the register, if nobody has. It may be called by several goroutines.
func newRegister(store *entity.Store) (*register, error) {
	if found, defined := registerOf(store); defined {
		return found, nil
	}
	_, err := entity.New(store, entity.Definition[announced, struct{}]{ID: RegisterID, Name: "What Home Assistant knows", Options: &use{}, Durable: true})
	if found, defined := registerOf(store); defined {
		return found, nil // another goroutine may have been faster
	}
	return nil, err
}

func registerOf(store *entity.Store) (*register, bool) {
	raw, defined := store.Raw(RegisterID)
	if !defined {
		return nil, false
	}
	shared, is := raw.Options().(*use)
	return &register{raw: raw, use: shared}, is
}

// LinkedError says that a store has a link already: the two would end each other's connections for ever.
type LinkedError struct{ Application string }

// Error says what to do.
func (e *LinkedError) Error() string {
	return fmt.Sprintf("the entities of %q are already linked with Home Assistant: close that link first", e.Application)
}

// take makes a link the only one of the store, until leave.
func (u *use) take(application string) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.link {
		return &LinkedError{Application: application}
	}
	u.link = true
	return nil
}

func (u *use) leave() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.link = false
}

// known is what Home Assistant was told of, as far as is remembered.
func (r *register) known() ([]told, error) {
	var state announced
	if err := json.Unmarshal(r.raw.Values().State, &state); err != nil {
		return nil, fmt.Errorf("read what Home Assistant knows: %w", err)
	}
	return state.Told, nil
}

// registerTimeout is how long a database that is away may hold back Home Assistant: what is removed now may then be left there if this process is killed.
const registerTimeout = 5 * time.Second

// set remembers, and waits until that is durable.
func (r *register) set(ctx context.Context, list []told) error {
	state, err := json.Marshal(announced{Told: list})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, registerTimeout)
	defer cancel()
	return r.raw.Set(ctx, state, nil)
}

// put remembers, and does not wait.
func (r *register) put(ctx context.Context, list []told) error {
	ctx, cancel := context.WithCancel(ctx)
	cancel()
	if err := r.set(ctx, list); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}
