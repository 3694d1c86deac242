package store

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"github.com/tidemark/tidemark/pkg/keys"
)

// explain adds to an error of reaching Redis, or of what may be done there,
// which setting or right it is probably about.
func explain(err error) error {
	if err == nil {
		return nil
	}
	remedy := ""
	var (
		authority x509.UnknownAuthorityError
		host      x509.HostnameError
		record    tls.RecordHeaderError
	)
	switch {
	case errors.As(err, &authority):
		remedy = "see that redis.tls.ca_file is of the authority that signed the server's certificate"
	case errors.As(err, &host):
		remedy = "name the server in redis.addrs as its certificate does, or set redis.tls.server_name"
	case strings.Contains(err.Error(), "remote error: tls"): // crypto/tls exports no type of it
		remedy = "the server takes no connection like this: does it ask for a certificate (redis.tls.cert_file)?"
	case errors.As(err, &record):
		remedy = "there is no TLS at this address: give the one that has it, or set redis.tls.enabled to false"
	default:
		for _, e := range explained {
			if strings.Contains(err.Error(), e.text) {
				remedy = e.remedy
				break
			}
		}
	}
	if remedy == "" {
		return err
	}
	return fmt.Errorf("%w: %s", err, remedy)
}

const grant = "docs/security.md lists the rights to grant"

// How servers say that a user may not do something: run a command, touch a key.
var (
	forbiddenCommand = regexp.MustCompile(`no permissions to run the '([^']+)' command`)
	forbiddenKey     = regexp.MustCompile(`No permissions to access a key|no permissions to access (one of the keys|the '[^']*' key)|can't access at least one of the keys`)
)

// explain is explain for a session's user: where he lacks a right, which one it is
// and how it is granted.
func (c *Config) explain(err error) error {
	if err == nil {
		return nil
	}
	right := ""
	switch found := forbiddenCommand.FindStringSubmatch(err.Error()); {
	case found != nil:
		right = "+" + found[1]
	case forbiddenKey.MatchString(err.Error()):
		right = "~" + keys.All(c.Namespace) + "*"
	default:
		return explain(err)
	}
	user := c.Username
	if user == "" {
		user = "default"
	}
	return fmt.Errorf("%w: user %s lacks %s: ACL SETUSER %[2]s %[3]s grants it, docs/security.md lists all rights", err, user, right)
}

// Explain is for errors of commands that went through Client: where the user lacks
// a right, which one it is and how it is granted.
func (r *Redis) Explain(err error) error { return r.config.explain(err) }

// Denied says whether Redis's ACLs are the reason of an error.
func Denied(err error) bool {
	return err != nil && (forbiddenCommand.MatchString(err.Error()) || forbiddenKey.MatchString(err.Error()))
}

// explained are answers of servers, which have no types.
var explained = []struct{ text, remedy string }{
	{"WRONGPASS", "check redis.username and redis.password, or those of redis.sentinel"},
	{"NOAUTH", "give redis.password, or that of redis.sentinel"},
	{"sentinels specified in configuration are unreachable: redis: nil", "they watch no master of this name: check redis.sentinel.master"},
	{"NOPERM", grant},
	{"The user executing the script can't", grant},
	{"ACL failure in script", grant},
	{"cluster support disabled", "this is no cluster: set redis.mode to auto"},
	{"unknown command 'sentinel'", "where redis.sentinel.master is given, redis.addrs have to be those of the sentinels"},
	{"unknown command `sentinel`", "where redis.sentinel.master is given, redis.addrs have to be those of the sentinels"},
}

// hungUp adds what it may mean that a server gives no first answer.
func (r *Redis) hungUp(err error) error {
	switch {
	case r.config.TLS == nil && (errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)):
		return fmt.Errorf("%w (where this lasts: the server may want TLS, see redis.tls)", err)
	case r.config.TLS != nil && errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%w (where this lasts: the server may not speak TLS at this address, see redis.tls)", err)
	}
	return err
}
