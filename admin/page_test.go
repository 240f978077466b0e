package admin_test

import (
	"context"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/synapsedb/synapse/admin"
	"github.com/synapsedb/synapse/background"
)

// exchange is a request and its answer as the page shows them.
type exchange struct {
	method, path, body string
	headers            map[string]string
	answer             answer
}

// The page's requests, sent in its order, are answered as it says: while an update is between its first two batches of 50
// items and 250 ms.
func TestAnswersAreThoseOfThePage(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../docs/admin-api.md")
	if err != nil {
		t.Fatal(err)
	}
	exchanges := readExchanges(t, string(text))
	if len(exchanges) < 10 {
		t.Fatalf("the page shows %d requests only", len(exchanges))
	}
	onBothEngines(t, func(t *testing.T, open opener) {
		open.enqueue(t, "fill_upper")
		updater := betweenBatches(t, open)
		api := newClient(t, admin.Config{Databases: []*background.Updater{updater}, StartJob: open.startJob, Token: token, Metrics: admin.NewMetrics()})
		api.token = "" // the page shows when it is sent
		for _, wanted := range exchanges {
			got, _ := api.do(t, wanted.method, wanted.path, wanted.body, func(request *http.Request) {
				for name, value := range wanted.headers {
					request.Header.Set(name, strings.Replace(value, "TOKEN", token, 1))
				}
			})
			if diff := cmp.Diff(wanted.answer, got); diff != "" {
				t.Errorf("%s %s %s (-page +server):\n%s", wanted.method, wanted.path, wanted.body, diff)
			}
		}
		directory := "populate_user_directory_"
		want := []string{directory + "cleanup", directory + "createtables", directory + "process_rooms", directory + "process_users", "fill_upper"}
		if diff := cmp.Diff(want, open.pending(t)); diff != "" {
			t.Error(diff)
		}
	})
}

// betweenBatches starts an updater and returns when it has done its first batch; it goes on when the test ends.
func betweenBatches(t *testing.T, open opener) *background.Updater {
	t.Helper()
	clock := &testClock{}
	registry := background.NewRegistry()
	registry.Register("fill_upper", func(context.Context, *background.Batch) (background.Result, error) {
		clock.advance(250 * time.Millisecond)
		return background.Result{Items: 50, Progress: map[string]int{"last": 50}}, nil
	})
	committed := make(chan struct{})
	updater := newUpdater(t, open, "", registry, func(config *background.Config) {
		config.Clock = clock
		config.OnBatch = func(background.Report) {
			select {
			case committed <- struct{}{}:
				<-t.Context().Done()
			case <-t.Context().Done():
			}
		}
	})
	work(t, updater)
	<-committed
	return updater
}

// readExchanges reads the indented blocks of a page that begin with a method: the request, then "-> " and the answer.
func readExchanges(t *testing.T, page string) (found []exchange) {
	t.Helper()
	block := regexp.MustCompile(`(?m)^    (GET|POST|PUT|HEAD) (/\S*)\n((?:    .*\n)*?)    -> (\d+) (.*)\n`)
	for _, match := range block.FindAllStringSubmatch(page, -1) {
		one := exchange{method: match[1], path: match[2], headers: map[string]string{}}
		for line := range strings.Lines(match[3]) {
			line = strings.TrimSpace(line)
			if name, value, is := strings.Cut(line, ": "); is && !strings.ContainsAny(name, `{"`) {
				one.headers[name] = value
			} else {
				one.body += line
			}
		}
		status := 0
		for _, digit := range match[4] {
			status = status*10 + int(digit-'0')
		}
		one.answer = answer{status, match[5]}
		found = append(found, one)
	}
	return found
}
