package event

const (
	// few names of one object are compared one by one. Beyond that a set takes over, so that the time for a hostile
	// object does not grow with the square of its size.
	few = 16

	// What a hostile document made large is given back; ordinary ones find their memory again.
	keptNames = 1 << 10
	keptArena = 1 << 14
)

// names finds names given twice in one object, for all objects that are open. Names are taken as they are after
// unescaping.
type names struct {
	listed  []string            // of the open objects, those of the innermost last
	many    map[member]struct{} // of objects with more than a few
	objects int                 // that have names in many; the last one's number
	arena   []byte              // what unescaped names are written to
}

// member is a name in one of the objects.
type member struct {
	object int
	name   string
}

// nameSet is the names of one object: from first on among the listed ones, or under a number in many.
type nameSet struct{ first, object int }

// open begins the set of an object.
func (n *names) open() nameSet { return nameSet{first: len(n.listed)} }

// close forgets a set. All sets opened after it have been closed.
func (n *names) close(set nameSet) {
	clear(n.listed[set.first:]) // or they would keep the document alive
	n.listed = n.listed[:set.first]
}

// add puts a name into a set and is false if it was there already. The set is the innermost that is open.
func (n *names) add(set *nameSet, name []byte) bool {
	s := view(name)
	if set.object == 0 {
		for _, other := range n.listed[set.first:] {
			if other == s {
				return false
			}
		}
		if len(n.listed)-set.first < few {
			n.listed = append(n.listed, s)
			return true
		}
		n.spread(set)
	}
	before := len(n.many)
	n.many[member{set.object, s}] = struct{}{}
	return len(n.many) > before
}

// spread moves a set that has grown to many.
func (n *names) spread(set *nameSet) {
	if n.many == nil {
		n.many = make(map[member]struct{})
	}
	n.objects++
	set.object = n.objects
	for _, name := range n.listed[set.first:] {
		n.many[member{set.object, name}] = struct{}{}
	}
	n.close(*set)
}

// unescape returns a name without its escapes, good until forget.
func (n *names) unescape(raw []byte) []byte {
	first := len(n.arena)
	n.arena = unescape(n.arena, raw)
	return n.arena[first:]
}

// forget makes ready for another document.
func (n *names) forget() {
	n.close(nameSet{})
	n.arena = n.arena[:0]
	if cap(n.arena) > keptArena {
		n.arena = nil
	}
	if n.objects == 0 {
		return
	}
	n.objects = 0
	if len(n.many) > keptNames {
		n.many = nil
	}
	clear(n.many)
}
