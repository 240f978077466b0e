package postgres

import (
	"context"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// CreateRole makes the role of this configuration: it may log in, with the configuration's password if there is one, and nothing
// more. The server gets what it would store of the password, not the password itself, so that it cannot stand in a log.
func (c *Config) CreateRole(ctx context.Context, administrator *pgx.Conn) error {
	statement := "CREATE ROLE " + QuoteIdentifier(c.User()) + " LOGIN"
	if password := c.pool.ConnConfig.Password; password != "" {
		stored, err := scramSecret(password)
		if err != nil {
			return err
		}
		statement += " PASSWORD " + QuoteLiteral(stored)
	}
	if _, err := administrator.Exec(ctx, statement, pgx.QueryExecModeSimpleProtocol); err != nil {
		return fmt.Errorf("create the role %s: %w", c.User(), err)
	}
	return nil
}

// What PostgreSQL takes for a new password (its documentation, "pg_authid", and RFC 5803).
const (
	scramIterations = 4096
	scramSaltBytes  = 16
)

// scramSecret is what PostgreSQL stores of a password. One that is not ASCII would first have to be normalised as the server does
// it; it is given as it is, and the server does that.
func scramSecret(password string) (string, error) {
	if strings.ContainsFunc(password, func(letter rune) bool { return letter < ' ' || letter > '~' }) {
		return password, nil
	}
	salt := make([]byte, scramSaltBytes)
	_, _ = rand.Read(salt) // never fails
	salted, err := pbkdf2.Key(sha256.New, password, salt, scramIterations, sha256.Size)
	if err != nil {
		return "", fmt.Errorf("prepare the password: %w", err)
	}
	stored := sha256.Sum256(keyedHash(salted, "Client Key"))
	encode := base64.StdEncoding.EncodeToString
	return fmt.Sprintf("SCRAM-SHA-256$%d:%s$%s:%s", scramIterations, encode(salt), encode(stored[:]), encode(keyedHash(salted, "Server Key"))), nil
}

func keyedHash(key []byte, text string) []byte {
	hash := hmac.New(sha256.New, key)
	hash.Write([]byte(text))
	return hash.Sum(nil)
}
