// Package deployments keeps the projects that are deployed to a server, in its data directory, with their history; or those that are deployed
// to several servers, in texts that these share.
//
// # Model
//
// A [Deployment] is the files of a project as they came at one time, under a number. One of them is live: the server answers from it.
// One may be staged: it was checked, and waits for [Store.Promote] or [Store.Discard]. Others are the history, to which Promote goes
// back. A [Deployer] is the way from files to a live project: what has changed, what is wrong, what would be deleted, and only then
// the store and the server.
//
// # Guarantees
//
// A deployment is durable as a whole before it is live. What is live changes by the rename of one small file: after a crash at any
// moment the server has the project from before or the new one, whole. format.go has the bytes. After a write whose outcome is not
// known, the store takes no more until it is opened again; what was live stays so until then. The newest [KeptMax] deployments are
// kept, and the live and the staged one whatever their age. The store is written first and the server follows: nothing is answered
// from a project that a crash could take back.
//
// Where servers share what is deployed ([OpenShared]), the files are texts with the same bytes, and a change replaces them all at once. It
// takes place if the state is still the one that it was checked against; else it fails with [ErrBusy]. The others take it over by
// [Deployer.Follow].
//
// # Concurrency
//
// A Store and a Deployer are safe for concurrent use; deployments take place one after the other. A directory belongs to one Store at a
// time, which the claim of the data directory sees to.
//
// # Errors
//
// [ErrCorrupt], [ErrVersion], [ErrNotFound], [ErrLive], [ErrBusy] and [ErrUnknown] are classes to test for.
package deployments
