package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/spf13/cobra"

	"github.com/synapsedb/synapse/backup"
)

// metricsFlag is --metrics-file of a command: the file that it writes for the textfile collector of Prometheus' node_exporter.
type metricsFlag struct {
	path   string
	values map[string]float64 // what the command has to say, by the end of the name
}

const backupMetric = "synapse_backup_"

// The metrics of every command.
const (
	metricSuccess  = "last_success_timestamp_seconds"
	metricFailure  = "last_failure_timestamp_seconds"
	metricExitCode = "exit_code"
	metricDuration = "duration_seconds"
)

// backupMetricsHelp are all metrics, and what they say.
var backupMetricsHelp = map[string]string{ //nolint:gochecknoglobals // constant
	metricSuccess:  "When the command last succeeded.",
	metricFailure:  "When the command last failed.",
	metricExitCode: "The exit code of the command's last run.",
	metricDuration: "How long the command's last run took that succeeded.",

	"bytes":                   "Bytes of the last backup: configuration, dumps and media.",
	"new_bytes":               "Bytes of it that were not in the repository before.",
	"database_bytes":          "Bytes of its dumps.",
	"media_files":             "Files of the media store in it.",
	"media_rows_without_file": "Rows of its snapshot that name a file that was not there.",
	"verified_bytes":          "Bytes that were read to verify a backup.",
	"damaged_files":           "Files of the verified backup that are damaged.",
	"kept_backups":            "Backups that the last removal of old ones has kept.",
	"removed_backups":         "Backups that it has removed.",
}

func (m *metricsFlag) add(command *cobra.Command) {
	command.Flags().StringVar(&m.path, "metrics-file", "", "write for Prometheus how it went to this `file`, for the textfile collector of node_exporter")
}

func (m *metricsFlag) say(name string, value float64) {
	if m.values == nil {
		m.values = map[string]float64{}
	}
	m.values[name] = value
}

func (m *metricsFlag) created(manifest *backup.Manifest) {
	total, dumps := manifest.Media.Bytes, int64(0)
	for _, file := range manifest.Files {
		total += file.Size
	}
	for _, database := range manifest.Databases {
		for _, file := range database.Files {
			dumps += file.Size
		}
	}
	total += dumps
	m.say("bytes", float64(total))
	m.say("new_bytes", float64(total-manifest.Media.Bytes+manifest.Media.NewBytes))
	m.say("database_bytes", float64(dumps))
	m.say("media_files", float64(manifest.Media.Files))
	m.say("media_rows_without_file", float64(manifest.Media.Without))
}

func (m *metricsFlag) verified(report *backup.Verified) {
	m.say("verified_bytes", float64(report.Bytes))
	m.say("damaged_files", float64(int64(len(report.Damaged))+report.More))
}

func (m *metricsFlag) pruned(report *backup.Pruned) {
	m.say("kept_backups", float64(len(report.Kept)))
	m.say("removed_backups", float64(len(report.Removed)))
}

// around does the work of a command, and writes how it went, if that is asked for. A file that cannot be written is refused before.
func (m *metricsFlag) around(ctx context.Context, command, repository string, work func() error) error {
	if m.path == "" {
		return work()
	}
	if filepath.Ext(m.path) != ".prom" {
		return &usageError{fmt.Errorf("--metrics-file is %q; the collector reads only files whose names end in .prom", m.path)}
	}
	begun := time.Now()
	if err := m.try(); err != nil {
		return &jobError{fmt.Errorf("write metrics to --metrics-file: %w", err)}
	}
	err := work()
	m.ended(begun, exitCode(ctx, err))
	if failure := m.write(command, repository); failure != nil {
		return errors.Join(err, &jobError{fmt.Errorf("write metrics to --metrics-file: %w", failure)})
	}
	return err
}

func (m *metricsFlag) ended(begun time.Time, code int) {
	m.say(metricExitCode, float64(code))
	now := time.Now()
	if code != exitOK {
		m.say(metricFailure, seconds(now))
		return
	}
	m.say(metricSuccess, seconds(now))
	m.say(metricDuration, now.Sub(begun).Seconds())
}

func seconds(at time.Time) float64 { return float64(at.UnixMilli()) / 1000 }

// try refuses a file that is something else, and a folder that cannot be written to.
func (m *metricsFlag) try() error {
	if _, err := m.read(); err != nil {
		return err
	}
	file, err := m.unfinished()
	if err != nil {
		return err
	}
	return errors.Join(file.Close(), os.Remove(file.Name()))
}

// unfinished is a file beside the one that is written; the collector does not read it.
func (m *metricsFlag) unfinished() (*os.File, error) {
	return os.CreateTemp(filepath.Dir(m.path), "."+filepath.Base(m.path)+".*")
}

// read gives what the file says.
func (m *metricsFlag) read() (map[string]*dto.MetricFamily, error) {
	content, err := os.ReadFile(m.path)
	if errors.Is(err, fs.ErrNotExist) {
		return map[string]*dto.MetricFamily{}, nil
	}
	if err != nil {
		return nil, err
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(content))
	if err != nil {
		return nil, fmt.Errorf("%s holds something else than metrics: %w; remove it, or name another file", m.path, err)
	}
	return families, nil
}

// write replaces what the file says of this command and this repository, as far as there is something new; the rest stays.
func (m *metricsFlag) write(command, repository string) error {
	families, err := m.read()
	if err != nil {
		return err
	}
	for name, value := range m.values {
		family := families[backupMetric+name]
		if family == nil {
			family = &dto.MetricFamily{Name: new(backupMetric + name)}
			families[family.GetName()] = family
		}
		family.Help, family.Type = new(backupMetricsHelp[name]), dto.MetricType_GAUGE.Enum()
		labels := []*dto.LabelPair{{Name: new("command"), Value: new(command)}, {Name: new("repository"), Value: new(repository)}}
		family.Metric = slices.DeleteFunc(family.GetMetric(), func(one *dto.Metric) bool { return sameLabels(one.GetLabel(), labels) })
		family.Metric = append(family.Metric, &dto.Metric{Label: labels, Gauge: &dto.Gauge{Value: &value}})
	}
	var text bytes.Buffer
	for _, name := range slices.Sorted(maps.Keys(families)) {
		if _, err := expfmt.MetricFamilyToText(&text, families[name]); err != nil {
			return err
		}
	}
	return m.replace(text.Bytes())
}

func sameLabels(one, other []*dto.LabelPair) bool {
	return slices.EqualFunc(one, other, func(a, b *dto.LabelPair) bool { return a.GetName() == b.GetName() && a.GetValue() == b.GetValue() })
}

// replace writes the file whole or not at all; everybody may read it.
func (m *metricsFlag) replace(content []byte) error {
	file, err := m.unfinished()
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	if err = errors.Join(err, file.Chmod(0o644), file.Sync(), file.Close()); err == nil {
		err = os.Rename(file.Name(), m.path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(file.Name()))
	}
	return nil
}
