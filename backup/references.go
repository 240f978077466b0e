package backup

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"

	"github.com/synapsedb/synapse/config"
)

// refers says how a key of the configuration refers to files.
type refers int

const (
	toFile     refers = iota // one, which has to be there
	toFiles                  // a list of such
	toFolder                 // everything below it
	toTemplate               // one that may also be the name of a template, and then is elsewhere
)

// fileKeys are the keys of homeserver.yaml that refer to files; the facts are upstream's documentation of its configuration. A
// star stands for every element of a list, or every value of a mapping.
func fileKeys() map[string]refers {
	return map[string]refers{
		"log_config": toFile, "worker_log_config": toFile, "app_service_config_files": toFiles,
		"key_server_signing_keys_path": toFile,
		"macaroon_secret_key_path":     toFile, "form_secret_path": toFile, "registration_shared_secret_path": toFile,
		"worker_replication_secret_path": toFile, "turn_shared_secret_path": toFile,
		"recaptcha_private_key_path": toFile, "recaptcha_public_key_path": toFile,
		"redis.password_path": toFile, "redis.certificate_file": toFile, "redis.private_key_file": toFile, "redis.ca_file": toFile, "redis.ca_path": toFolder,
		"matrix_authentication_service.secret_path": toFile,
		"oidc_providers.*.client_secret_path":       toFile, "oidc_providers.*.client_secret_jwt_key.key_file": toFile,
		"oidc_config.client_secret_path": toFile, "oidc_config.client_secret_jwt_key.key_file": toFile,
		"saml2_config.config_path": toFile, "saml2_config.sp_config.key_file": toFile, "saml2_config.sp_config.cert_file": toFile,
		"saml2_config.sp_config.metadata.local": toFiles,
		"tls_certificate_path":                  toFile, "tls_private_key_path": toFile, "federation_custom_ca_list": toFiles,
		"manhole_settings.ssh_priv_key_path": toFile, "manhole_settings.ssh_pub_key_path": toFile,
		"templates.custom_template_directory": toFolder, "email.template_dir": toFolder, "sso.template_dir": toFolder,
		"account_validity.template_dir": toFolder, "user_consent.template_dir": toFolder,
		"account_validity.account_renewed_html_path": toTemplate, "account_validity.invalid_token_html_path": toTemplate,
		"oembed.additional_providers": toFiles,
		"database.args.sslkey":        toFile, "database.args.sslcert": toFile, "database.args.sslrootcert": toFile, "database.args.passfile": toFile,
		"databases.*.args.sslkey": toFile, "databases.*.args.sslcert": toFile, "databases.*.args.sslrootcert": toFile, "databases.*.args.passfile": toFile,
	}
}

// notIncluded are the keys of what has data or files of its own that no backup of ours holds.
func notIncluded() map[string]string {
	return map[string]string{
		"media_storage_providers":       "media that only storage providers have",
		"backup_media_store_path":       "the second media store",
		"modules":                       "files that the configuration of modules names; give them with --include",
		"password_providers":            "files that the configuration of password providers names; give them with --include",
		"spam_checker":                  "files that the configuration of the spam checker names; give them with --include",
		"third_party_event_rules":       "files that the configuration of event rules names; give them with --include",
		"matrix_authentication_service": "the database and the configuration of the authentication service",
	}
}

// document is the configuration as the homeserver merges it: a later file replaces whole top-level keys.
type document struct {
	top   map[string]any
	files []string
}

func readDocument(loaded *config.Config) (*document, error) {
	d := &document{top: map[string]any{}, files: loaded.Files}
	for _, file := range loaded.Files {
		content, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("read the configuration: %w", err)
		}
		keys := map[string]any{}
		// Its own error would show the lines around the place.
		if err := yaml.UnmarshalWithOptions(content, &keys, yaml.AllowDuplicateMapKey()); err != nil {
			return nil, fmt.Errorf("read the configuration: %s cannot be read as YAML", file)
		}
		maps.Copy(d.top, keys)
	}
	return d, nil
}

// find gives the values at a path of keys.
func find(in any, path []string) []any {
	if len(path) == 0 {
		if in == nil {
			return nil
		}
		return []any{in}
	}
	var found []any
	switch value := in.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(value)) {
			if path[0] == "*" || path[0] == key {
				found = append(found, find(value[key], path[1:])...)
			}
		}
	case []any:
		if path[0] == "*" {
			for _, element := range value {
				found = append(found, find(element, path[1:])...)
			}
		}
	}
	return found
}

func (d *document) text(key string) string {
	text, _ := d.top[key].(string)
	return text
}

// truth knows the words of YAML 1.1, which the homeserver reads.
func (d *document) truth(key string) bool {
	switch value := d.top[key].(type) {
	case bool:
		return value
	case string:
		return slices.Contains([]string{"yes", "on", "true"}, strings.ToLower(value))
	}
	return false
}

// references are the files that the configuration consists of and refers to, each once, in the order of their paths. missing are
// those that are not there.
func (d *document) references(include []string) (there, missing []Reference, err error) {
	g := &gatherer{found: map[string]Reference{}}
	for _, file := range d.files {
		g.file(file, "--config")
	}
	for _, file := range include {
		g.any(file, "--include")
	}
	if path := d.keyPath(); path != "" { // before other keys that may name the same file
		g.file(path, signingKey)
	}
	keys := fileKeys()
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		for _, value := range find(d.top, strings.Split(key, ".")) {
			g.value(key, keys[key], value)
		}
	}
	byPath := func(a, b Reference) int { return strings.Compare(a.Path, b.Path) }
	there = slices.SortedFunc(maps.Values(g.found), byPath)
	slices.SortFunc(g.missing, byPath)
	return there, slices.Compact(g.missing), errors.Join(g.problems...)
}

// defaultKey is where the signing key is when the configuration does not say it: beside the last file.
func (d *document) defaultKey() (path string, isDefault bool) {
	if d.top["signing_key"] != nil || d.top["signing_key_path"] != nil || len(d.files) == 0 {
		return "", false
	}
	return filepath.Join(filepath.Dir(d.files[len(d.files)-1]), d.text("server_name")+".signing.key"), true
}

type gatherer struct {
	found    map[string]Reference
	missing  []Reference
	problems []error
}

func (g *gatherer) value(key string, how refers, value any) {
	if list, isList := value.([]any); isList && how == toFiles {
		for _, element := range list {
			g.value(key, toFile, element)
		}
		return
	}
	path, isText := value.(string)
	if !isText || path == "" {
		return
	}
	switch how {
	case toFolder:
		g.any(path, key)
	case toTemplate:
		if _, err := os.Stat(path); err == nil {
			g.file(path, key)
		}
	case toFile, toFiles:
		g.file(path, key)
	}
}

// file takes one file; a link counts as what it leads to.
func (g *gatherer) file(path, key string) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		g.problems = append(g.problems, err)
		return
	}
	reference := Reference{Path: absolute, Key: key}
	info, err := os.Stat(absolute)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		g.missing = append(g.missing, reference)
	case err != nil:
		g.problems = append(g.problems, fmt.Errorf("%s: %w", key, err))
	case !info.Mode().IsRegular():
		g.problems = append(g.problems, fmt.Errorf("%s: %s is not a regular file", key, absolute))
	default:
		if _, known := g.found[absolute]; !known {
			g.found[absolute] = reference
		}
	}
}

// any takes a file, or all below a folder.
func (g *gatherer) any(path, key string) {
	if info, err := os.Stat(path); err != nil || !info.IsDir() {
		g.file(path, key)
		return
	}
	err := filepath.WalkDir(path, func(name string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() {
			g.file(name, key)
		}
		return err
	})
	if err != nil {
		g.problems = append(g.problems, fmt.Errorf("%s: %w", key, err))
	}
}

// left says what the configuration names and no backup holds.
func (d *document) left() []string {
	var left []string
	for key, what := range notIncluded() {
		if value := d.top[key]; value != nil && !isEmpty(value) {
			left = append(left, key+": "+what)
		}
	}
	slices.Sort(left)
	return left
}

func isEmpty(value any) bool {
	list, isList := value.([]any)
	return isList && len(list) == 0
}
