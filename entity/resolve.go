package entity

import (
	"context"
	"os"

	"github.com/synapsedb/synapse/entity/setting"
)

// resolve finds the database and the application. Settings' warnings go to the log.
func (c Config) resolve(ctx context.Context) (*setting.Settings, error) {
	given := setting.Given{Application: c.Application, Name: c.Name, Type: c.Type, URL: c.URL}
	if c.Database != nil {
		given.Type, given.URL = "", ""
	}
	found, err := setting.Read(given, c.lookup())
	if err != nil {
		return nil, err
	}
	for _, warning := range found.Warnings {
		c.Log.WarnContext(ctx, warning.Message, "setting", warning.Setting)
	}
	if c.Database != nil {
		found.Database = *c.Database
	}
	return found, nil
}

// lookup reads the environment, as far as it counts.
func (c Config) lookup() func(string) (string, bool) {
	switch {
	case c.IgnoreEnvironment:
		return nil
	case c.Database == nil:
		return os.LookupEnv
	}
	return func(name string) (string, bool) {
		if name != setting.ApplicationVariable {
			return "", false
		}
		return os.LookupEnv(name)
	}
}

// explain names the setting that an error of opening is about.
func (c Config) explain(settings *setting.Settings, err error) error {
	if c.Database != nil {
		return err
	}
	return settings.Explain(err)
}
