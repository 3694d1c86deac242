package real

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// Authority signs certificates for servers on loopback and for their clients.
type Authority struct {
	dir         string
	key         *ecdsa.PrivateKey
	certificate *x509.Certificate
	serial      int64
}

// Certificate is where a certificate and its key are, as PEM.
type Certificate struct{ File, KeyFile string }

// NewAuthority makes an authority that keeps its files in a folder.
func NewAuthority(dir string) (*Authority, error) {
	a := &Authority{dir: dir}
	if err := a.found(); err != nil {
		return nil, fmt.Errorf("making an authority: %w", err)
	}
	return a, nil
}

func (a *Authority) found() (err error) {
	if a.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		return err
	}
	template := a.template("the authority of tests")
	template.IsCA, template.BasicConstraintsValid = true, true
	template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature
	der, err := x509.CreateCertificate(rand.Reader, template, template, a.key.Public(), a.key)
	if err != nil {
		return err
	}
	if a.certificate, err = x509.ParseCertificate(der); err != nil {
		return err
	}
	return os.WriteFile(a.File(), block("CERTIFICATE", der), 0o600)
}

func (a *Authority) template(name string) *x509.Certificate {
	a.serial++
	now := time.Now()
	return &x509.Certificate{SerialNumber: big.NewInt(a.serial), Subject: pkix.Name{CommonName: name},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(24 * time.Hour)}
}

// File is the authority's own certificate, as PEM.
func (a *Authority) File() string { return filepath.Join(a.dir, "ca.pem") }

// Issue signs a certificate for a server on loopback, or for the client of that
// name.
func (a *Authority) Issue(name string) (Certificate, error) {
	c := Certificate{File: filepath.Join(a.dir, name+".pem"), KeyFile: filepath.Join(a.dir, name+".key.pem")}
	certificate, key, err := a.sign(name)
	if err == nil {
		err = os.WriteFile(c.File, certificate, 0o600)
	}
	if err == nil {
		err = os.WriteFile(c.KeyFile, key, 0o600)
	}
	if err != nil {
		return Certificate{}, fmt.Errorf("issuing a certificate for %s: %w", name, err)
	}
	return c, nil
}

func (a *Authority) sign(name string) (certificate, key []byte, err error) {
	pair, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	template := a.template(name)
	template.KeyUsage = x509.KeyUsageDigitalSignature
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	template.IPAddresses, template.DNSNames = []net.IP{net.IPv4(127, 0, 0, 1)}, []string{"localhost"}
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, pair.Public(), a.key)
	if err != nil {
		return nil, nil, err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(pair)
	return block("CERTIFICATE", der), block("PRIVATE KEY", secret), err
}

// keystore is a file with the key and the certificate, as Kafka wants them.
func (a *Authority) keystore(name string) (string, error) {
	certificate, key, err := a.sign(name)
	if err != nil {
		return "", fmt.Errorf("issuing a certificate for %s: %w", name, err)
	}
	file := filepath.Join(a.dir, name+".keystore.pem")
	return file, os.WriteFile(file, bytes.Join([][]byte{key, certificate}, nil), 0o600)
}

func block(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}
