package portview_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/synapsedb/synapse/internal/portview"
)

func newLogger() (log *portview.Log, logger *slog.Logger, written *bytes.Buffer) {
	log, written = &portview.Log{}, &bytes.Buffer{}
	return log, slog.New(log.Handler(slog.NewTextHandler(written, nil))), written
}

func TestTheLogIsKeptAndWrittenAtTheEnd(t *testing.T) {
	t.Parallel()
	log, logger, written := newLogger()
	logger.Debug("not asked for")
	logger.With("table", "events").Warn("first", "error", "a text")
	logger.WithGroup("server").Error("second", "version", 15)
	logger.Info("third", "table", "rooms")
	want := []portview.Entry{
		{Level: slog.LevelWarn, Text: `first table=events error="a text"`, Table: "events"},
		{Level: slog.LevelError, Text: "second server.version=15"},
		{Level: slog.LevelInfo, Text: "third table=rooms", Table: "rooms"},
	}
	if diff := cmp.Diff(want, log.Entries(), cmpopts.IgnoreFields(portview.Entry{}, "Time")); diff != "" {
		t.Error(diff)
	}
	if written.Len() > 0 {
		t.Errorf("written during the view: %s", written)
	}
	for range 2 {
		if err := log.Release(); err != nil {
			t.Fatal(err)
		}
	}
	logger.Info("fourth")
	var messages []string
	for line := range strings.Lines(written.String()) {
		_, message, _ := strings.Cut(strings.TrimSpace(line), "level=")
		messages = append(messages, message)
	}
	if diff := cmp.Diff([]string{
		`WARN msg=first table=events error="a text"`, "ERROR msg=second server.version=15", "INFO msg=third table=rooms", "INFO msg=fourth",
	}, messages); diff != "" {
		t.Error(diff)
	}
}

func TestTheLogDoesNotGrow(t *testing.T) {
	t.Parallel()
	log, logger, _ := newLogger()
	for i := range 1700 {
		logger.Info(fmt.Sprint("line ", i))
	}
	entries := log.Entries()
	if len(entries) != 500 || entries[0].Text != "line 1200" || entries[499].Text != "line 1699" || log.Dropped() != 1200 {
		t.Errorf("%d entries, %d dropped, first %q", len(entries), log.Dropped(), entries[0].Text)
	}
}
