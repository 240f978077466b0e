package mysql

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"strings"
)

// TLSMode says how much encryption is asked for. The words are those of MySQL's own clients (--ssl-mode).
type TLSMode string

// The modes, from the weakest to the strongest.
const (
	// TLSDisabled never encrypts.
	TLSDisabled TLSMode = "disabled"
	// TLSPreferred encrypts where the server can, and looks at no certificate.
	TLSPreferred TLSMode = "preferred"
	// TLSRequired encrypts, and looks at no certificate.
	TLSRequired TLSMode = "required"
	// TLSVerifyCA also wants the server's certificate to be signed by one in TLSCA.
	TLSVerifyCA TLSMode = "verify_ca"
	// TLSVerifyIdentity also wants it to bear the name of the host.
	TLSVerifyIdentity TLSMode = "verify_identity"
)

func (m TLSMode) known() bool {
	switch m {
	case "", TLSDisabled, TLSPreferred, TLSRequired, TLSVerifyCA, TLSVerifyIdentity:
		return true
	}
	return false
}

func tlsModes() string {
	return strings.Join([]string{
		string(TLSDisabled), string(TLSPreferred), string(TLSRequired), string(TLSVerifyCA), string(TLSVerifyIdentity),
	}, ", ")
}

// tlsConfig gives what the driver needs, nil for no encryption.
func (c Config) tlsConfig() (*tls.Config, error) {
	if c.TLS == TLSDisabled || c.Socket != "" {
		return nil, nil //nolint:nilnil // the driver's word for no encryption
	}
	// The modes below verify_identity look at the certificate less than Go does, or not at all.
	made := &tls.Config{ServerName: c.Host, MinVersion: tls.VersionTLS12, InsecureSkipVerify: c.TLS != TLSVerifyIdentity} //nolint:gosec
	if err := c.readCertificates(made); err != nil {
		return nil, err
	}
	if c.TLS == TLSVerifyCA {
		made.VerifyConnection = func(state tls.ConnectionState) error { return verifySignature(state, made.RootCAs) }
	}
	return made, nil
}

func (c Config) readCertificates(into *tls.Config) error {
	if c.TLSCA != "" {
		content, err := os.ReadFile(c.TLSCA)
		if err != nil {
			return fmt.Errorf("read tls_ca: %w", err)
		}
		into.RootCAs = x509.NewCertPool()
		if !into.RootCAs.AppendCertsFromPEM(content) {
			return fmt.Errorf("read tls_ca: %s holds no certificate in PEM form", c.TLSCA)
		}
	}
	if c.TLSCert != "" {
		certificate, err := tls.LoadX509KeyPair(c.TLSCert, c.TLSKey)
		if err != nil {
			return fmt.Errorf("read tls_cert and tls_key: %w", err)
		}
		into.Certificates = []tls.Certificate{certificate}
	}
	return nil
}

// verifySignature looks at who signed a certificate, and not at the name in it.
func verifySignature(state tls.ConnectionState, roots *x509.CertPool) error {
	if len(state.PeerCertificates) == 0 {
		return errors.New("tls: the server sent no certificate")
	}
	between := x509.NewCertPool()
	for _, certificate := range state.PeerCertificates[1:] {
		between.AddCert(certificate)
	}
	_, err := state.PeerCertificates[0].Verify(x509.VerifyOptions{Roots: roots, Intermediates: between})
	if err != nil {
		return &tls.CertificateVerificationError{UnverifiedCertificates: state.PeerCertificates, Err: err}
	}
	return nil
}
