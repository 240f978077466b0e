package entity_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	"github.com/synapsedb/synapse/entity"
	"github.com/synapsedb/synapse/entity/significance"
)

// Lamp is what a program knows of a lamp besides whether it is on.
type Lamp struct {
	Brightness int    `json:"brightness"`
	Color      string `json:"color"`
}

// A program is run twice: the second time the lamp is as it was left, but for its name, which is the code's.
func Example() {
	folder, err := os.MkdirTemp("", "entity-example-")
	if err != nil {
		log.Fatal(err)
	}
	file := filepath.Join(folder, "synapse_storage.db")
	run := func(name string, work func(ctx context.Context, lamp *entity.Entity[bool, Lamp]) error) error {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		store, err := entity.Open(ctx, entity.Config{Application: "porch", URL: file, IgnoreEnvironment: true})
		if err != nil {
			return err
		}
		lamp, err := entity.New(store, entity.Definition[bool, Lamp]{ID: "porch.lamp", Name: name, Attributes: Lamp{Brightness: 100}})
		if err == nil {
			fmt.Println(lamp.Name(), lamp.State(), lamp.Attributes().Brightness, lamp.Restored().Found)
			err = work(ctx, lamp)
		}
		return errors.Join(err, store.Close(ctx))
	}
	err = run("Lamp", func(ctx context.Context, lamp *entity.Entity[bool, Lamp]) error {
		return lamp.Update(ctx, func(on *bool, attributes *Lamp) error {
			*on, attributes.Brightness = true, 30
			return nil
		})
	})
	if err == nil {
		err = run("Porch lamp", func(context.Context, *entity.Entity[bool, Lamp]) error { return nil })
	}
	if err := errors.Join(err, os.RemoveAll(folder)); err != nil {
		log.Fatal(err)
	}
	// Output:
	// Lamp false 100 false
	// Porch lamp true 30 true
}

// A report is compared with the last change: small steps are none, until they add up.
func ExampleSignificance() {
	ctx := context.Background()
	store, err := entity.Open(ctx, entity.Config{Application: "porch", URL: ":memory:", IgnoreEnvironment: true})
	if err != nil {
		log.Fatal(err)
	}
	thermometer, err := entity.New(store, entity.Definition[float64, struct{}]{
		ID: "porch.temperature", State: 20,
		Significance: entity.Significance[float64, struct{}]{Rule: significance.Rule{Absolute: 0.5}},
	})
	if err != nil {
		log.Fatal(err)
	}
	thermometer.OnChange(func(change entity.Change[float64, struct{}]) {
		fmt.Println(change.Before.State, "->", change.After.State)
	})
	for _, reported := range []float64{20.2, 20.4, 20.6, 20.8} {
		if err := thermometer.Set(ctx, reported); err != nil {
			log.Fatal(err)
		}
	}
	fmt.Println("reported last:", thermometer.State())
	if err := store.Close(ctx); err != nil {
		log.Fatal(err)
	}
	// Output:
	// 20 -> 20.6
	// reported last: 20.8
}

// A local is whatever a program remembers with an entity, as deep as it likes.
func ExampleNewLocal() {
	ctx := context.Background()
	store, err := entity.Open(ctx, entity.Config{Application: "porch", URL: ":memory:", IgnoreEnvironment: true})
	if err != nil {
		log.Fatal(err)
	}
	lamp, err := entity.New(store, entity.Definition[bool, Lamp]{ID: "porch.lamp"})
	if err != nil {
		log.Fatal(err)
	}
	schedule, err := entity.NewLocal(lamp, "schedule", map[string][]string{"mon": {"18:00"}})
	if err != nil {
		log.Fatal(err)
	}
	err = schedule.Update(ctx, func(days *map[string][]string) error {
		(*days)["mon"] = append((*days)["mon"], "22:30")
		return nil
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(schedule.Get(), schedule.Stored())
	if err := store.Close(ctx); err != nil {
		log.Fatal(err)
	}
	// Output: map[mon:[18:00 22:30]] true
}

// Migrate makes a state of a new type of what a former version of the program has stored.
func ExampleDefinition() {
	type level struct {
		Percent int `json:"percent"`
	}
	definition := entity.Definition[level, struct{}]{
		ID: "porch.lamp", Version: 2,
		Migrate: func(stored entity.Stored) (level, struct{}, error) {
			var on bool // as version 1 had it
			err := json.Unmarshal(stored.State, &on)
			if on {
				return level{Percent: 100}, struct{}{}, err
			}
			return level{}, struct{}{}, err
		},
	}
	state, _, err := definition.Migrate(entity.Stored{Version: 1, State: json.RawMessage("true")})
	fmt.Println(state.Percent, err)
	// Output: 100 <nil>
}
