package real

import (
	"errors"
	"fmt"
	"time"
)

// Route is a way of its own to every server of a cluster, of one proxy each.
type Route []*Proxy

// Addrs are the addresses to connect to, host:port.
func (r Route) Addrs() []string {
	var all []string
	for _, p := range r {
		all = append(all, p.Addr())
	}
	return all
}

// Cut lets nothing through any more, in one direction or both.
func (r Route) Cut(ways Way) {
	for _, p := range r {
		p.Cut(ways)
	}
}

// Delay has every piece of data wait before it goes on.
func (r Route) Delay(by time.Duration) {
	for _, p := range r {
		p.Delay(by)
	}
}

// Sever ends all connections.
func (r Route) Sever() {
	for _, p := range r {
		p.Sever()
	}
}

// Refuse ends all connections and takes no new ones.
func (r Route) Refuse() {
	for _, p := range r {
		p.Refuse()
	}
}

// Heal makes the way free again.
func (r Route) Heal() error {
	var errs []error
	for _, p := range r {
		errs = append(errs, p.Heal())
	}
	return errors.Join(errs...)
}

// Close ends everything.
func (r Route) Close() error {
	var errs []error
	for _, p := range r {
		errs = append(errs, p.Close())
	}
	return errors.Join(errs...)
}

// StartRoutedKafka starts so many brokers with so many routes to them. Whoever
// comes by a route is told the addresses of that route only, so that it can be
// cut for him and for nobody else.
func StartRoutedKafka(brokers, routes int, jvm ...string) (*Kafka, error) {
	if len(jvm) == 0 {
		jvm = shortLived("-Xmx768m")
	}
	k, err := newKafka(brokers, jvm)
	if err != nil {
		return nil, fmt.Errorf("starting Kafka: %w", err)
	}
	err = k.lay(routes)
	if err == nil {
		err = k.start()
	}
	if err != nil {
		return nil, fmt.Errorf("starting Kafka: %w", errors.Join(err, k.Close()))
	}
	return k, nil
}

// lay makes the routes: for each a listener of every broker, with a proxy before
// it.
func (k *Kafka) lay(routes int) error {
	for i := range routes {
		var route Route
		for _, b := range k.brokers {
			port, err := freePort()
			if err != nil {
				return err
			}
			proxy, err := StartProxy(address(port))
			if err != nil {
				return err
			}
			route = append(route, proxy)
			b.further = append(b.further, listener{name: fmt.Sprintf("ROUTE%d", i), protocol: "PLAINTEXT", port: port, advertised: proxy.port})
		}
		k.routes = append(k.routes, route)
	}
	return nil
}

// Route is the i-th route to the brokers.
func (k *Kafka) Route(i int) Route { return k.routes[i] }
