package hass

import (
	"context"
	"maps"
	"time"

	"github.com/synapsedb/synapse/entity"
	"github.com/synapsedb/synapse/hass/component"
)

// RegisterID is the id of the entity in which a store remembers what Home Assistant was told of, so that the next run knows what is gone.
const RegisterID = "synapse.hass.announced"

// announced is what Home Assistant was told of.
type announced struct {
	Prefix    string    `json:"prefix"`
	Discovery Discovery `json:"discovery"`
	// Entities are by their ids.
	Entities map[string]told `json:"entities"`
}

// told is where Home Assistant was told of an entity.
type told struct {
	Platform string `json:"platform"`
	Device   string `json:"device,omitempty"`
}

// register keeps announced in the store.
type register struct {
	kept *entity.Entity[announced, struct{}]
}

func newRegister(store *entity.Store) (*register, error) {
	if found, defined := store.Raw(RegisterID); defined {
		if kept, is := found.Options().(*register); is {
			return kept, nil // of a former Connect in this run
		}
	}
	made := &register{}
	kept, err := entity.New(store, entity.Definition[announced, struct{}]{ID: RegisterID, Name: "What Home Assistant knows", Options: made, Durable: true})
	made.kept = kept
	return made, err
}

// registerTimeout is how long a database that is away may hold back Home Assistant: what is removed now may then be left there if this process is killed.
const registerTimeout = 5 * time.Second

func (r *register) set(ctx context.Context, known announced) error {
	ctx, cancel := context.WithTimeout(ctx, registerTimeout)
	defer cancel()
	return r.kept.Set(ctx, known)
}

// present is what the program defines.
func (l *Link) present() announced {
	made := announced{Prefix: l.config.Prefix, Discovery: l.config.Discovery, Entities: map[string]told{}}
	for id, found := range l.members {
		made.Entities[id] = told{Platform: found.component.Platform(), Device: found.device()}
	}
	return made
}

// gone is what Home Assistant was told of, but shall not know any more, in this place.
func (a announced) gone(present announced) map[string]told {
	list := map[string]told{}
	for id, before := range a.Entities {
		if now, there := present.Entities[id]; !there || now != before {
			list[id] = before
		}
	}
	return list
}

// with adds what another one has besides.
func (a announced) with(others map[string]told) announced {
	both := maps.Clone(others)
	if both == nil {
		both = map[string]told{}
	}
	maps.Copy(both, a.Entities)
	a.Entities = both
	return a
}

// topic is where Home Assistant was told of an entity.
func (a announced) topic(application, id string) string {
	known := a.Entities[id]
	return topicOf(a.Prefix, a.Discovery, application, id, known)
}

func topicOf(prefix string, kind Discovery, application, id string, known told) string {
	if kind == SingleComponent {
		return component.SingleTopic(prefix, application, known.Device, known.Platform, id)
	}
	return component.DeviceTopic(prefix, application, known.Device)
}
