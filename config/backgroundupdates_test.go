package config_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/synapsedb/synapse/config"
)

const anyDatabase = "database_path: /tmp/homeserver.db\n"

func TestBackgroundUpdates(t *testing.T) {
	t.Parallel()
	usual := config.BackgroundUpdates{Duration: 100 * time.Millisecond, Sleep: time.Second, MinBatchSize: 1, DefaultBatchSize: 100}
	for text, want := range map[string]config.BackgroundUpdates{
		"": usual, "background_updates:": usual, "background_updates: {}": usual, "background_updates: {min_batch_size: null}": usual,
		"background_updates: {background_update_duration_ms: 500, sleep_enabled: on, sleep_duration_ms: 300, min_batch_size: 10, default_batch_size: 50}": {
			Duration: 500 * time.Millisecond, Sleep: 300 * time.Millisecond, MinBatchSize: 10, DefaultBatchSize: 50,
		},
		"background_updates: {sleep_enabled: false, sleep_duration_ms: 300}": {Duration: 100 * time.Millisecond, MinBatchSize: 1, DefaultBatchSize: 100},
		"background_updates: {sleep_duration_ms: 0}":                         {Duration: 100 * time.Millisecond, MinBatchSize: 1, DefaultBatchSize: 100},
	} {
		if diff := cmp.Diff(want, mustLoad(t, anyDatabase+text).BackgroundUpdates); diff != "" {
			t.Errorf("%s: %s", text, diff)
		}
	}
}

func TestBackgroundUpdatesAreChecked(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"background_updates: fast":                                  "homeserver.yaml:2:1: background_updates: not a mapping",
		"background_updates:\n  min_batch_size: 0":                  "homeserver.yaml:3:3: background_updates: min_batch_size: not such a number",
		"background_updates:\n  sleep_enabled: perhaps":             "homeserver.yaml:3:3: background_updates: sleep_enabled: neither true nor false",
		"background_updates:\n  background_update_duration_ms: 0.5": "homeserver.yaml:3:3: background_updates: background_update_duration_ms: not such a number",
		"background_updates:\n  sleep_duration_ms: -1":              "homeserver.yaml:3:3: background_updates: sleep_duration_ms: not such a number",
	} {
		if _, err := load(t, anyDatabase+text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
	warnings := mustLoad(t, anyDatabase+"background_updates: {sleep_duration: 5}").Warnings
	if len(warnings) != 1 || !strings.Contains(warnings[0].String(), "is sleep_duration_ms meant?") {
		t.Errorf("warnings: %v", warnings)
	}
}
