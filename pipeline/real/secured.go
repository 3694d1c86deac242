package real

import (
	"context"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"errors"
	"fmt"
	"strconv"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// PlainUser is known to a secured Kafka by the mechanism PLAIN, with its
// password.
const (
	PlainUser     = "plain"
	PlainPassword = "plain-secret"
)

// listener is a further way into a broker.
type listener struct {
	name       string
	protocol   string // of its security; empty: the name is it
	port       int
	advertised int // the port that clients are told; 0: its own
	settings   []string
}

// StartSecuredKafka starts one broker that also listens for clients who say who
// they are, by SASL or by a certificate, both over TLS. What those may do they
// have to be granted; everything is open to whoever comes by Brokers.
func StartSecuredKafka(authority *Authority) (*Kafka, error) {
	keystore, err := authority.keystore("kafka")
	if err != nil {
		return nil, fmt.Errorf("starting Kafka: %w", err)
	}
	ports, err := freePorts(2)
	if err != nil {
		return nil, fmt.Errorf("starting Kafka: %w", err)
	}
	const scram = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
	return startKafka(1, shortLived("-Xmx768m"),
		listener{name: "SASL_SSL", port: ports[0], settings: []string{
			"sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512",
			"listener.name.sasl_ssl.scram-sha-256.sasl.jaas.config=" + scram,
			"listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config=" + scram,
			fmt.Sprintf("listener.name.sasl_ssl.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_%s=%q;", PlainUser, PlainPassword),
			"ssl.keystore.type=PEM",
			"ssl.keystore.location=" + keystore,
			"ssl.truststore.type=PEM",
			"ssl.truststore.location=" + authority.File(),
			"authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer",
			"super.users=User:ANONYMOUS",
		}},
		listener{name: "SSL", port: ports[1], settings: []string{"listener.name.ssl.ssl.client.auth=required"}})
}

// SASL is the address for clients with a name and a password, over TLS.
func (k *Kafka) SASL() string { return address(k.brokers[0].further[0].port) }

// MTLS is the address for clients with a certificate.
func (k *Kafka) MTLS() string { return address(k.brokers[0].further[1].port) }

// CreateUser makes a user known by both SCRAM mechanisms.
func (k *Kafka) CreateUser(ctx context.Context, name, password string) error {
	const iterations = 4096 // the fewest that Kafka takes
	salt := []byte(rand.Text())
	weak, errWeak := pbkdf2.Key(sha256.New, password, salt, iterations, sha256.Size)
	strong, errStrong := pbkdf2.Key(sha512.New, password, salt, iterations, sha512.Size)
	err := errors.Join(errWeak, errStrong)
	for i, salted := range [][]byte{weak, strong} { // a request may name a user once
		u := kmsg.NewAlterUserSCRAMCredentialsRequestUpsertion()
		u.Name, u.Mechanism, u.Iterations, u.Salt, u.SaltedPassword = name, int8(i+1), iterations, salt, salted
		req := kmsg.NewPtrAlterUserSCRAMCredentialsRequest()
		req.Upsertions = append(req.Upsertions, u)
		var res kmsg.Response
		if err == nil {
			res, err = request(ctx, k.Brokers(), req)
		}
		if err == nil {
			err = kerr.ErrorForCode(res.(*kmsg.AlterUserSCRAMCredentialsResponse).Results[0].ErrorCode)
		}
	}
	if err != nil {
		return fmt.Errorf("creating user %s: %w", name, err)
	}
	return nil
}

// Grant allows a principal, such as User:tidemark, an operation such as Read on
// a resource such as Topic and its name.
func (k *Kafka) Grant(ctx context.Context, principal, operation, resource, name string) error {
	creation := kmsg.NewCreateACLsRequestCreation()
	creation.Principal, creation.Host, creation.ResourceName = principal, "*", name
	creation.PermissionType = kmsg.ACLPermissionTypeAllow
	var errs [2]error
	creation.Operation, errs[0] = kmsg.ParseACLOperation(operation)
	creation.ResourceType, errs[1] = kmsg.ParseACLResourceType(resource)
	err := errors.Join(errs[:]...)
	if err == nil {
		req := kmsg.NewPtrCreateACLsRequest()
		req.Creations = append(req.Creations, creation)
		var res kmsg.Response
		if res, err = request(ctx, k.Brokers(), req); err == nil {
			err = kerr.ErrorForCode(res.(*kmsg.CreateACLsResponse).Results[0].ErrorCode)
		}
	}
	if err != nil {
		return fmt.Errorf("granting %s %s on %s %s: %w", principal, operation, resource, name, err)
	}
	return nil
}

// Revoke takes back what Grant gave.
func (k *Kafka) Revoke(ctx context.Context, principal, operation, resource, name string) error {
	filter := kmsg.NewDeleteACLsRequestFilter()
	filter.Principal, filter.ResourceName = &principal, &name
	filter.PermissionType, filter.ResourcePatternType = kmsg.ACLPermissionTypeAllow, kmsg.ACLResourcePatternTypeLiteral
	var errs [2]error
	filter.Operation, errs[0] = kmsg.ParseACLOperation(operation)
	filter.ResourceType, errs[1] = kmsg.ParseACLResourceType(resource)
	err := errors.Join(errs[:]...)
	if err == nil {
		req := kmsg.NewPtrDeleteACLsRequest()
		req.Filters = append(req.Filters, filter)
		var res kmsg.Response
		if res, err = request(ctx, k.Brokers(), req); err == nil {
			result := res.(*kmsg.DeleteACLsResponse).Results[0]
			if err = kerr.ErrorForCode(result.ErrorCode); err == nil && len(result.MatchingACLs) != 1 {
				err = fmt.Errorf("%d rights match", len(result.MatchingACLs))
			}
		}
	}
	if err != nil {
		return fmt.Errorf("revoking %s %s on %s %s: %w", principal, operation, resource, name, err)
	}
	return nil
}

// Secured is a redis-server that also listens for TLS.
type Secured struct {
	*Redis
	tls int
}

// StartSecuredRedis starts a server that wants TLS and a certificate of the
// authority at TLSAddr, and neither at Addr.
func StartSecuredRedis(authority *Authority, settings ...string) (*Secured, error) {
	certificate, err := authority.Issue("redis")
	if err != nil {
		return nil, fmt.Errorf("starting Redis: %w", err)
	}
	port, err := freePort()
	if err != nil {
		return nil, fmt.Errorf("starting Redis: %w", err)
	}
	r, err := StartRedis(append([]string{"--tls-port", strconv.Itoa(port), "--tls-ca-cert-file", authority.File(),
		"--tls-cert-file", certificate.File, "--tls-key-file", certificate.KeyFile}, settings...)...)
	if err != nil {
		return nil, err
	}
	return &Secured{Redis: r, tls: port}, nil
}

// TLSAddr is the address for clients with a certificate.
func (s *Secured) TLSAddr() string { return address(s.tls) }
