// Package check holds the files of deploy to what will read them, without a
// container engine or a cluster: docker-compose.yml to the loader of Compose, the
// manifests to the API types of Kubernetes, and the commands of both to the
// binary that TIDEMARK names (.ci/deploy builds it).
package check
