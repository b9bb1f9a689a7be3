/** The files in which four machines say what a control group leaves of them, as they stood there. */

export interface Fixture {
  readonly what: string;
  readonly files: Readonly<Record<string, string>>;
  readonly cores: number | null;
  readonly memory_bytes: number | null;
  readonly memory_used_bytes: number | null;
}

const UNLIMITED = '9223372036854771712\n';

export const FIXTURES: readonly Fixture[] = [
  {
    what: 'version 2, a container with a group namespace',
    files: {
      '/proc/self/cgroup': '0::/\n',
      '/proc/self/mountinfo':
        '1021 1018 0:25 / /sys ro,nosuid,nodev,noexec,relatime - sysfs sysfs ro\n' +
        '1022 1021 0:30 / /sys/fs/cgroup ro,nosuid,nodev,noexec,relatime - cgroup2 cgroup rw,nsdelegate,memory_recursiveprot\n',
      '/sys/fs/cgroup/cpu.max': '150000 100000\n',
      '/sys/fs/cgroup/cpuset.cpus.effective': '0-3\n',
      '/sys/fs/cgroup/memory.max': '1073741824\n',
      '/sys/fs/cgroup/memory.current': '536870912\n',
      '/sys/fs/cgroup/memory.stat': 'anon 268435456\nfile 201326592\ninactive_file 134217728\nactive_file 67108864\n',
    },
    cores: 1.5,
    memory_bytes: 1_073_741_824,
    memory_used_bytes: 402_653_184,
  },
  {
    what: 'version 2, a service whose slice is the narrower one',
    files: {
      '/proc/self/cgroup': '0::/system.slice/powerbox.service\n',
      '/proc/self/mountinfo':
        '30 24 0:26 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime shared:9 - cgroup2 cgroup2 rw,nsdelegate\n',
      '/sys/fs/cgroup/cpuset.cpus.effective': '0-15\n',
      '/sys/fs/cgroup/system.slice/cpu.max': '400000 100000\n',
      '/sys/fs/cgroup/system.slice/memory.max': '2147483648\n',
      '/sys/fs/cgroup/system.slice/memory.current': '1000000000\n',
      '/sys/fs/cgroup/system.slice/memory.stat': 'anon 1\ninactive_file 400000000\n',
      '/sys/fs/cgroup/system.slice/powerbox.service/cpu.max': 'max 100000\n',
      '/sys/fs/cgroup/system.slice/powerbox.service/memory.max': 'max\n',
      '/sys/fs/cgroup/system.slice/powerbox.service/memory.current': '50000000\n',
    },
    cores: 4,
    memory_bytes: 2_147_483_648,
    memory_used_bytes: 600_000_000,
  },
  {
    what: 'version 1, a container whose groups are mounted at their own folder',
    files: {
      '/proc/self/cgroup':
        '12:memory:/docker/8f2a\n11:cpuset:/docker/8f2a\n4:cpu,cpuacct:/docker/8f2a\n1:name=systemd:/docker/8f2a\n',
      '/proc/self/mountinfo':
        '640 639 0:29 /docker/8f2a /sys/fs/cgroup/cpu,cpuacct ro,nosuid master:11 - cgroup cgroup rw,cpu,cpuacct\n' +
        '641 639 0:33 /docker/8f2a /sys/fs/cgroup/memory ro,nosuid master:15 - cgroup cgroup rw,memory\n' +
        '642 639 0:34 /docker/8f2a /sys/fs/cgroup/cpuset ro,nosuid master:16 - cgroup cgroup rw,cpuset\n',
      '/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us': '50000\n',
      '/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us': '100000\n',
      '/sys/fs/cgroup/cpuset/cpuset.cpus': '0,2-3\n',
      '/sys/fs/cgroup/memory/memory.limit_in_bytes': '536870912\n',
      '/sys/fs/cgroup/memory/memory.usage_in_bytes': '104857600\n',
      '/sys/fs/cgroup/memory/memory.stat': 'cache 1\nrss 2\ntotal_cache 3\ntotal_inactive_file 4857600\n',
    },
    cores: 0.5,
    memory_bytes: 536_870_912,
    memory_used_bytes: 100_000_000,
  },
  {
    what: 'both versions at once, without limits but a set of processors',
    files: {
      '/proc/self/cgroup':
        '9:name=systemd:/\n8:pids:/\n4:memory:/process_api/150f3462\n3:cpuset:/\n2:cpuacct:/\n1:cpu:/\n0::/\n',
      '/proc/self/mountinfo':
        '32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu\n' +
        '34 31 0:31 / /sys/fs/cgroup/cpuset rw,relatime - cgroup cgroup rw,cpuset\n' +
        '35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n' +
        '41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n',
      '/sys/fs/cgroup/cpu/cpu.cfs_quota_us': '-1\n',
      '/sys/fs/cgroup/cpu/cpu.cfs_period_us': '100000\n',
      '/sys/fs/cgroup/cpuset/cpuset.cpus': '0-1\n',
      '/sys/fs/cgroup/memory/memory.limit_in_bytes': UNLIMITED,
      '/sys/fs/cgroup/memory/memory.usage_in_bytes': '1400000000\n',
      '/sys/fs/cgroup/memory/process_api/150f3462/memory.limit_in_bytes': UNLIMITED,
      '/sys/fs/cgroup/memory/process_api/150f3462/memory.usage_in_bytes': '900000000\n',
    },
    cores: 2,
    memory_bytes: null,
    memory_used_bytes: null,
  },
  { what: 'no control group at all', files: {}, cores: null, memory_bytes: null, memory_used_bytes: null },
  {
    what: 'files that hold something else',
    files: {
      '/proc/self/cgroup': 'garbage\n0::/a/../../b\n:::\n',
      '/proc/self/mountinfo': ' - cgroup2\n1 2 0:1 /x /sys/fs/cgroup\\040x rw - cgroup2 cgroup2 rw\nnothing',
      '/sys/fs/cgroup x/cpu.max': '-5 0\n',
      '/sys/fs/cgroup x/cpuset.cpus.effective': '3-1,x,-,\n',
      '/sys/fs/cgroup x/memory.max': '1e9\n',
      '/sys/fs/cgroup x/memory.current': '\n',
    },
    cores: null,
    memory_bytes: null,
    memory_used_bytes: null,
  },
];
