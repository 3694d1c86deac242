package source

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math"
	"net"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/describegroups"
	"github.com/segmentio/kafka-go/protocol/metadata"
)

// Right is what an ACL of Kafka allows: an operation on a resource.
type Right struct {
	Operation string // Read, Write, Describe …
	Resource  string // topic or group
	Name      string
}

// OnTopic is the right to an operation on a topic.
func OnTopic(operation, name string) Right { return Right{operation, "topic", name} }

// OnGroup is the right to an operation on a consumer group.
func OnGroup(operation, name string) Right { return Right{operation, "group", name} }

func (r Right) String() string { return r.Operation + " on " + r.Resource + " " + r.Name }

// Grant is the command that gives the right to this client's user.
func (c *Client) Grant(r Right) string {
	return fmt.Sprintf("kafka-acls.sh --add --allow-principal %s --operation %s --%s %s", c.cfg.principal(), r.Operation, r.Resource, r.Name)
}

// Principal is how Kafka's ACLs call this client's user, unless the brokers have
// rules that map names.
func (c *Client) Principal() string { return c.cfg.principal() }

func (c *Config) principal() string {
	name := "ANONYMOUS"
	switch {
	case c.User != "":
		name = c.User
	case c.SASL != nil:
		name = "NAME"
	case c.TLS != nil && len(c.TLS.Certificates) > 0 && c.TLS.Certificates[0].Leaf != nil:
		name = c.TLS.Certificates[0].Leaf.Subject.String()
	}
	return "User:" + name
}

// needing explains the error of something that needs a right: where Kafka denied
// it, which one is missing and how it is granted.
func (c *Client) needing(r Right, err error) error {
	if err == nil || explained(err) || !Denied(err) {
		return Explain(err)
	}
	return &explanation{err, c.Lacks(r)}
}

// Lacks says that a right is missing, and how it is granted.
func (c *Client) Lacks(r Right) string {
	also := ""
	if r.Operation == "Describe" {
		also = " (Read or Write would do, too)"
	}
	return fmt.Sprintf("%s lacks %s%s: %s grants it, docs/security.md lists all rights", c.cfg.principal(), r, also, c.Grant(r))
}

// Denied says whether Kafka's ACLs are the reason of an error.
func Denied(err error) bool {
	var ke kafka.Error
	if !errors.As(err, &ke) {
		return false
	}
	return ke == kafka.TopicAuthorizationFailed || ke == kafka.GroupAuthorizationFailed || ke == kafka.ClusterAuthorizationFailed
}

// operations are the bits of Kafka's answers.
var operations = map[string]int{"Read": 3, "Write": 4, "Create": 5, "Describe": 8, "DescribeConfigs": 10}

// Rights are operations that this client's user may do on something.
type Rights struct {
	bits int32
	told bool // else the broker does not tell
}

// Lack says whether an operation is certainly missing.
func (r Rights) Lack(operation string) bool { return r.told && r.bits&(1<<operations[operation]) == 0 }

func rights(code int16, bits int32) Rights {
	switch kafka.Error(code) {
	case kafka.TopicAuthorizationFailed, kafka.GroupAuthorizationFailed:
		return Rights{told: true}
	}
	return Rights{bits, bits != math.MinInt32 && bits != 0}
}

// TopicRights asks for the rights to topics that the client was opened for. Kafka
// tells them from 2.3 on.
func (c *Client) TopicRights(ctx context.Context, names []string) (map[string]Rights, error) {
	// kafka-go answers this request out of a copy that has no rights.
	answer, err := c.direct(ctx, &metadata.Request{TopicNames: names, IncludeTopicAuthorizedOperations: true}, metadataWithRights)
	if err != nil {
		return nil, fmt.Errorf("asking Kafka at %s for the rights of %s: %w", c.addr, c.cfg.principal(), Explain(err))
	}
	all := map[string]Rights{}
	for _, t := range answer.(*metadata.Response).Topics {
		all[t.Name] = rights(t.ErrorCode, t.TopicAuthorizedOperations)
	}
	return all, nil
}

// GroupRights asks for the rights to a consumer group. A coordinator that does
// not answer yet tells nothing, which is no error.
func (c *Client) GroupRights(ctx context.Context, group string) (Rights, error) {
	res, err := c.RoundTrip(ctx, &describegroups.Request{Groups: []string{group}, IncludeAuthorizedOperations: true}, 0)
	switch {
	case Denied(err):
		return Rights{told: true}, nil
	case over(ctx) != nil:
		return Rights{}, over(ctx)
	case err != nil || len(res.(*describegroups.Response).Groups) != 1:
		return Rights{}, nil
	}
	g := &res.(*describegroups.Response).Groups[0]
	return rights(g.ErrorCode, g.AuthorizedOperations), nil
}

const metadataWithRights = 8 // the version from which on the answer has them

// direct sends one request on a connection of its own.
func (c *Client) direct(ctx context.Context, req protocol.Message, version int16) (answer protocol.Message, err error) {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	var errs []error
	for _, broker := range c.cfg.Brokers {
		answer, err = c.ask(ctx, broker, req, version)
		if err == nil {
			return answer, nil
		}
		errs = append(errs, hungUp(err))
	}
	return nil, errors.Join(errs...)
}

func (c *Client) ask(ctx context.Context, broker string, req protocol.Message, version int16) (protocol.Message, error) {
	// The dialer says who we are, and hides the connection that it does so on.
	var wire net.Conn
	dialer := c.Dialer()
	dialer.TLS = nil
	dialer.DialFunc = func(ctx context.Context, network, address string) (_ net.Conn, err error) {
		if wire, err = c.conns.dial(ctx, network, address); err == nil && c.cfg.TLS != nil {
			encryption := c.cfg.TLS.Clone()
			if encryption.ServerName == "" {
				if encryption.ServerName, _, err = net.SplitHostPort(address); err != nil {
					return wire, err
				}
			}
			wire = tls.Client(wire, encryption)
		}
		return wire, err
	}
	conn, err := dialer.DialContext(ctx, "tcp", broker)
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close() }() // what it would say was said by the request
	if deadline, ok := ctx.Deadline(); ok {
		if err := wire.SetDeadline(deadline); err != nil {
			return nil, err
		}
	}
	const correlation = 1
	if err := protocol.WriteRequest(wire, version, correlation, c.cfg.ClientID, req); err != nil {
		return nil, err
	}
	_, answer, err := protocol.ReadResponse(bufio.NewReader(wire), req.ApiKey(), version)
	return answer, err
}
