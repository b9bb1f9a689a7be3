/**
 * The files outside src/platform that may touch the machine, what of it each touches, and why it must. An
 * adapter has a simulated twin, or is where the program meets its user.
 */
export const ADAPTERS = [
  {
    file: 'src/store/level-store.ts',
    touches: ['files'],
    reason: 'Opens what a data directory holds; its twin is the simulated store.',
  },
  {
    file: 'src/store/segment-files.ts',
    touches: ['files'],
    reason: 'Makes, reads and writes the files of a journal; its twin is the simulated store.',
  },
  {
    file: 'src/store/segment-journal.ts',
    touches: ['files'],
    reason: 'Gives the files of a journal other names and removes them, when nobody needs what they hold.',
  },
  {
    file: 'src/store/fill-journal.ts',
    touches: ['files'],
    reason: 'Removes what an attempt to make a journal has left that a crash cut short.',
  },
  {
    file: 'src/store/take-over.ts',
    touches: ['files'],
    reason: 'Removes the database that was the journal of a data directory of version 1.',
  },
  {
    file: 'src/store/directory.ts',
    touches: ['files', 'processes'],
    reason: 'Makes and reads a data directory, and says in its lock file which process has it open.',
  },
  {
    file: 'src/store/durable-file.ts',
    touches: ['files'],
    reason: 'Writes files that are there wholly or not at all; used by the data directory and the blobs.',
  },
  {
    file: 'src/store/service.ts',
    touches: ['files', 'randomness'],
    reason: 'Keeps the state of service and its reserve, and probes directories; hashes what it keeps.',
  },
  {
    file: 'src/store/backup.ts',
    touches: ['files'],
    reason: 'Copies what a data directory holds to a backup.',
  },
  {
    file: 'src/store/restore.ts',
    touches: ['files'],
    reason: 'Makes a data directory of a backup.',
  },
  {
    file: 'src/store/whole.ts',
    touches: ['files'],
    reason: 'Puts a directory in its place when it is whole.',
  },
  {
    file: 'src/embedding/admin/place.ts',
    touches: ['files', 'sockets', 'processes'],
    reason: 'Listens on the control socket of a data directory and connects to it; tests have real processes.',
  },
  {
    file: 'src/store/file-blobs.ts',
    touches: ['files'],
    reason: 'Keeps blobs as files; its twin is the simulated store.',
  },
  {
    file: 'src/store/conformance/store.ts',
    touches: ['randomness'],
    reason: 'Hashes what it stores with the library itself, so as not to trust what is under test.',
  },
  {
    file: 'resolvers/directory.ts',
    touches: ['files'],
    reason: 'Lists directories; file resolvers are adapters of the disk, and their faults are injected in tests.',
  },
  {
    file: 'resolvers/file.ts',
    touches: ['files'],
    reason: 'Names the ways in which a file is opened.',
  },
  {
    file: 'resolvers/files/resolver.ts',
    touches: ['files'],
    reason: 'Finds out which granted directories are the same one.',
  },
  {
    file: 'resolvers/files/walk.ts',
    touches: ['files', 'processes'],
    reason: 'Opens what a path names, by descriptor; asks which system this is, for that decides how.',
  },
  {
    file: 'resolvers/files/change.ts',
    touches: ['files'],
    reason: 'Makes the changes of files.',
  },
  {
    file: 'resolvers/files/record.ts',
    touches: ['files', 'randomness'],
    reason: 'Keeps the record of changes beside the files; hashes its lines.',
  },
  {
    file: 'resolvers/files/settle.ts',
    touches: ['files'],
    reason: 'Tells after a crash which changes were made.',
  },
  {
    file: 'resolvers/files/owner.ts',
    touches: ['files', 'processes'],
    reason: 'Says which process changes files beneath a root.',
  },
  {
    file: 'resolvers/files/tree.ts',
    touches: ['files'],
    reason: 'Makes the directory of the record; asks what the file system has left.',
  },
  {
    file: 'resolvers/files/usage.ts',
    touches: ['files'],
    reason: 'Counts what is beneath a root, once.',
  },
  {
    file: 'resolvers/http/connections.ts',
    touches: ['sockets'],
    reason: 'Makes the connections of HTTP, to addresses that were judged; tests bring real servers.',
  },
  {
    file: 'resolvers/http/grant.ts',
    touches: ['files', 'randomness'],
    reason: 'Reads the certificates that an operator names, once, and sees that they are some.',
  },
  {
    file: 'resolvers/net/lookup.ts',
    touches: ['sockets'],
    reason: 'Asks the system for the addresses of names; tests give answers of their own.',
  },
  {
    file: 'resolvers/tcp/connect.ts',
    touches: ['sockets'],
    reason: 'Opens connections; its tests have real peers.',
  },
  {
    file: 'resolvers/tcp/listener.ts',
    touches: ['sockets'],
    reason: 'Opens ports; its tests have real peers.',
  },
  {
    file: 'resolvers/tcp/grant.ts',
    touches: ['files', 'sockets'],
    reason: 'Reads the certificates and keys that the operator names.',
  },
  {
    file: 'resolvers/udp/socket.ts',
    touches: ['sockets'],
    reason: 'Binds ports; its tests have real peers.',
  },
  {
    file: 'resolvers/peers/secure.ts',
    touches: ['sockets', 'randomness'],
    reason: 'Connects to other nodes and listens for them; takes the options of TLS by their names.',
  },
  {
    file: 'resolvers/hardware/probes.ts',
    touches: ['files', 'processes', 'sockets'],
    reason:
      'Asks the machine what it has, how fast its disk syncs, whether its loopback and lookup work; tests hand in other probes.',
  },
  {
    file: 'src/natives/framing.ts',
    touches: ['randomness'],
    reason: 'Tags the frames of a child with the keyed hash of the library, as fast as it comes.',
  },
  {
    file: 'src/natives/worker-launcher.ts',
    touches: ['processes'],
    reason: 'Runs hosts in threads of this process; its tests have real ones.',
  },
  {
    file: 'src/natives/worker-main.ts',
    touches: ['processes', 'unknown'],
    reason: 'The first module of such a thread; loads the module that the operator names.',
  },
  {
    file: 'src/natives/inline-native.ts',
    touches: ['unknown'],
    reason: 'Loads the module that the operator names, where it only computes.',
  },
  {
    file: 'src/natives/child-launcher.ts',
    touches: ['processes'],
    reason: 'Starts hosts as children, watches and stops them; its tests have real ones.',
  },
  {
    file: 'src/natives/socket-launcher.ts',
    touches: ['sockets', 'files'],
    reason: 'Connects to hosts behind a URL; reads the certificates that the operator names.',
  },
  {
    file: 'src/natives/serve-child.ts',
    touches: ['sockets', 'processes'],
    reason: 'Serves a host over the pipes that its node left it, and tells how much memory it uses.',
  },
  {
    file: 'src/natives/serve-socket.ts',
    touches: ['sockets', 'processes'],
    reason: 'Serves a host at a port; its tests have real nodes, and tells how much memory it uses.',
  },
  {
    file: 'src/embedding/machine.ts',
    touches: ['processes'],
    reason: 'Asks for the current directory, where a space would be made when nobody says where.',
  },
  {
    file: 'src/embedding/surroundings.ts',
    touches: ['files', 'processes'],
    reason: 'The standard streams that a space uses when its program gives none; whether a space is there.',
  },
  {
    file: 'src/embedding/config-surroundings.ts',
    touches: ['files', 'processes'],
    reason: 'Reads a configuration, the files that it names, and the variables that fill its secrets.',
  },
  {
    file: 'src/service/server.ts',
    touches: ['sockets'],
    reason: 'Opens the port of the service; its tests have real clients.',
  },
  {
    file: 'src/service/secret-file.ts',
    touches: ['files', 'processes'],
    reason: 'Keeps the secret that tokens are signed with.',
  },
  {
    file: 'src/service/node-directory.ts',
    touches: ['files'],
    reason: 'Looks whether there is a directory of a node.',
  },
  {
    file: 'src/service/space-places.ts',
    touches: ['files'],
    reason: 'Looks whether there is a space of a name.',
  },
  {
    file: 'src/service/operate/logs.ts',
    touches: ['files'],
    reason: 'Makes lines with pino; whoever opens the log says where they are written.',
  },
  {
    file: 'src/service/operate/otlp.ts',
    touches: ['sockets'],
    reason: 'Sends spans to the collector that the operator names; its tests have a real one.',
  },
  {
    file: 'src/service/operate/space-files.ts',
    touches: ['files', 'processes'],
    reason: 'Makes, lists and removes the spaces of a node; reads certificates; says what the process uses.',
  },
  {
    file: 'src/client/surroundings.ts',
    touches: ['randomness', 'timers'],
    reason: 'Sockets, timers and chance of a client, wherever it runs; tests bring a machine of their own.',
  },
  {
    file: 'src/client/node.ts',
    touches: ['sockets'],
    reason: 'Brings the WebSocket that Node 20 does not have.',
  },
  {
    file: 'src/testing/golden.ts',
    touches: ['files', 'processes'],
    reason: 'Reads and writes the golden files of tests, and the variable that says which.',
  },
  {
    file: 'src/trace/file.ts',
    touches: ['files'],
    reason: 'Writes and reads traces as files; its twin keeps them in memory.',
  },
  {
    file: 'src/cli/terminal.ts',
    touches: ['files', 'processes', 'timers'],
    reason: 'Where the command meets its user: streams, arguments, signals, the program to read, progress.',
  },
  {
    file: 'src/cli/engine-settings.ts',
    touches: ['processes'],
    reason: 'Sets how the JavaScript engine of the command lays out its memory.',
  },
  {
    file: 'src/rholang/syntax/generate.ts',
    touches: ['files', 'processes'],
    reason: 'Makes the tables of the parser when the grammar changes; no part of the built package.',
  },
];
