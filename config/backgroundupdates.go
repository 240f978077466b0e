package config

import (
	"slices"
	"time"

	"github.com/synapsedb/synapse/engine"
)

// BackgroundUpdates says how background updates are kept out of the server's
// way. The keys and their defaults are upstream's.
type BackgroundUpdates struct {
	// Duration is how long a batch should take.
	Duration time.Duration
	// Sleep is the pause before each batch; zero when there is none, also by
	// sleep_enabled.
	Sleep time.Duration
	// MinBatchSize is the smallest batch, in items.
	MinBatchSize int
	// DefaultBatchSize is the size of the first batch, in items.
	DefaultBatchSize int
}

// BackgroundUpdateKeys are the keys of the section background_updates.
func BackgroundUpdateKeys() []Key {
	return []Key{
		{"background_update_duration_ms", "1 or more", "milliseconds that a batch should take; default 100"},
		{"sleep_enabled", "true, false", "pause before each batch; default true"},
		{"sleep_duration_ms", "0 or more", "milliseconds of the pause; default 1000"},
		{"min_batch_size", "1 or more", "the fewest items of a batch; default 1"},
		{"default_batch_size", "1 or more", "items of the first batch, while the speed is not known; default 100"},
	}
}

// readBackgroundUpdates reads the section, if it is there. As upstream knows
// no wrong keys in it, one that is unknown is only warned about.
func (l *loader) readBackgroundUpdates() {
	const path = "background_updates"
	reader := &databaseReader{loader: l, path: path, keys: map[string]section{}}
	if found, present := l.present(path); present && found.isMapping() {
		for _, entry := range l.entries(path, found) {
			reader.acceptPacing(entry)
		}
	} else if present {
		l.reject(&Error{Position: found.position, Err: &engine.ValueError{Key: path, Problem: "not a mapping", Allowed: "a mapping"}})
	}
	milliseconds := func(key string, lowest, otherwise int) time.Duration {
		return time.Duration(reader.integer(key, lowest, otherwise)) * time.Millisecond
	}
	updates := BackgroundUpdates{
		Duration: milliseconds("background_update_duration_ms", 1, 100), Sleep: milliseconds("sleep_duration_ms", 0, 1000),
		MinBatchSize: reader.integer("min_batch_size", 1, 1), DefaultBatchSize: reader.integer("default_batch_size", 1, 100),
	}
	if !reader.boolean("sleep_enabled", true) {
		updates.Sleep = 0
	}
	l.config.BackgroundUpdates = updates
}

// acceptPacing takes a key of background_updates; null stands for the default.
func (r *databaseReader) acceptPacing(entry section) {
	known := names(BackgroundUpdateKeys())
	switch {
	case !slices.Contains(known, entry.name):
		message := "ignored: no such key is known"
		if nearest := engine.Nearest(entry.name, known); nearest != "" {
			message += "; is " + nearest + " meant?"
		}
		r.loader.warn(entry.position, r.path+"."+engine.PrintableKey(entry.name), message)
	case !entry.isNull():
		r.keys[entry.name] = entry
	}
}
