package backup

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
	"os"
	"strings"
)

// parseKeys reads signing keys as the homeserver does: one a line, of algorithm, version and the seed in unpadded base64; the first one
// signs. Its errors never show the key.
func parseKeys(content string) ([]SigningKey, error) {
	var keys []SigningKey
	for line := range strings.Lines(content) {
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		if len(words) != 3 || words[0] != "ed25519" {
			return nil, errors.New(`a line is not "ed25519 VERSION KEY"`)
		}
		seed, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(words[2], "="))
		if err != nil || len(seed) != ed25519.SeedSize {
			return nil, fmt.Errorf("the key ed25519:%s does not have 32 bytes in base64", words[1])
		}
		public, _ := ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey)
		keys = append(keys, SigningKey{ID: "ed25519:" + words[1], PublicKey: base64.RawStdEncoding.EncodeToString(public)})
	}
	if len(keys) == 0 {
		return nil, errors.New("it holds no key")
	}
	return keys, nil
}

// keyPath is the file of the signing key; empty when the key stands in the configuration itself.
func (d *document) keyPath() string {
	if path := d.text("signing_key_path"); path != "" {
		return path
	}
	path, _ := d.defaultKey()
	return path
}

// signingKeys reads the server's keys: none when the file is not there, which is said elsewhere.
func (d *document) signingKeys() ([]SigningKey, error) {
	if inline, given := d.top["signing_key"]; given && inline != nil {
		return parseKeys(lines(inline))
	}
	content, err := os.ReadFile(d.keyPath())
	if os.IsNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	keys, err := parseKeys(string(content))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", d.keyPath(), err)
	}
	return keys, nil
}

// lines are a text, or a list of texts.
func lines(value any) string {
	switch value := value.(type) {
	case string:
		return value
	case []any:
		var all []string
		for _, element := range value {
			text, _ := element.(string)
			all = append(all, text)
		}
		return strings.Join(all, "\n")
	}
	return ""
}

// newKey makes a signing key: the line of its file, and what other servers see of it.
func newKey() (line string, key SigningKey, err error) {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	version := []byte("a_")
	for range 4 {
		at, err := rand.Int(rand.Reader, big.NewInt(int64(len(letters))))
		if err != nil {
			return "", key, err
		}
		version = append(version, letters[at.Int64()])
	}
	seed := make([]byte, ed25519.SeedSize)
	_, _ = rand.Read(seed) // it never fails
	line = "ed25519 " + string(version) + " " + base64.RawStdEncoding.EncodeToString(seed) + "\n"
	keys, err := parseKeys(line)
	if err != nil {
		return "", key, err
	}
	return line, keys[0], nil
}
