package config

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

// tls checks that what is given works together.
func (r *reader) tls(path string, t *TLS) {
	if !t.Enabled {
		r.unused(path, "but "+path+".enabled is false", map[string]string{"ca_file": t.CAFile, "cert_file": t.CertFile,
			"key_file": t.KeyFile, "server_name": t.ServerName})
		return
	}
	if t.CertFile != "" && t.KeyFile == "" {
		r.wrong(join(path, "cert_file"), "is given without %s.key_file", path)
	}
	if t.KeyFile != "" && t.CertFile == "" {
		r.wrong(join(path, "key_file"), "is given without %s.cert_file", path)
	}
}

// unused tells of values that have no effect, in an order that does not vary.
func (r *reader) unused(section, why string, values map[string]string) {
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if values[name] != "" {
			r.wrong(join(section, name), "is given, %s", why)
		}
	}
}

func (r *reader) sasl(s *SASL) {
	switch {
	case !r.choice("kafka.sasl.mechanism", s.Mechanism, "none", "plain", "scram-sha-256", "scram-sha-512"):
	case s.Mechanism == "none":
		r.unused("kafka.sasl", "but kafka.sasl.mechanism is none", map[string]string{"username": s.Username, "password": s.Password.Reveal()})
	default:
		if s.Username == "" {
			r.wrong("kafka.sasl.username", "is empty, but kafka.sasl.mechanism is %s", s.Mechanism)
		}
		if s.Password.Reveal() == "" {
			r.wrong("kafka.sasl.password", "is empty, but kafka.sasl.mechanism is %s", s.Mechanism)
		}
	}
}

func (r *reader) redis(c *Redis) {
	r.choice("redis.mode", c.Mode, "auto", "standalone", "cluster", "sentinel")
	switch {
	case c.Mode == "standalone" && len(c.Addrs) > 1:
		r.wrong("redis.mode", "is standalone, but redis.addrs has %d addresses: keep one, or write cluster", len(c.Addrs))
	case c.Mode == "sentinel" && c.Sentinel.Master == "":
		r.wrong("redis.sentinel.master", "is empty, but redis.mode is sentinel: give the name under which the sentinels watch the master")
	case c.Sentinel.Master != "" && (c.Mode == "standalone" || c.Mode == "cluster"):
		r.wrong("redis.sentinel.master", "is given, but redis.mode is %s: write sentinel, or auto", c.Mode)
	}
	r.user("redis", c.Username, c.Password)
	r.tls("redis.tls", &c.TLS)
	r.user("redis.sentinel", c.Sentinel.Username, c.Sentinel.Password)
	if c.Sentinel.Master == "" {
		r.unused("redis.sentinel", "but redis.sentinel.master is empty", map[string]string{"username": c.Sentinel.Username, "password": c.Sentinel.Password.Reveal()})
	}
	if _, _, ok := parseDurability(c.Durability); !ok {
		r.wrong("redis.durability", "%q must be none, fsync or replicas:n, such as replicas:1", c.Durability)
	}
}

func (r *reader) user(section, name string, password Secret) {
	if name != "" && password.Reveal() == "" {
		r.wrong(join(section, "username"), "is given without %s.password", section)
	}
}

// Durable is what has to be durable before anything is published: in how many
// replicas, and on disk.
func (c *Redis) Durable() (replicas int, fsync bool) {
	replicas, fsync, _ = parseDurability(c.Durability)
	return replicas, fsync
}

func parseDurability(text string) (replicas int, fsync, ok bool) {
	switch text {
	case "none":
		return 0, false, true
	case "fsync":
		return 0, true, true
	}
	count, ok := strings.CutPrefix(text, "replicas:")
	n, err := strconv.Atoi(count)
	return n, false, ok && err == nil && n >= 1 && n <= 100
}
