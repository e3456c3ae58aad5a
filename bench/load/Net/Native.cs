using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

[assembly: DisableRuntimeMarshalling]

namespace Aether.Load.Net;

/// <summary>
/// The few calls of the Linux kernel that the driver lives on. One thread with epoll takes a fraction of the CPU that tasks
/// and a socket class take, and what the driver does not take is left to the servers it measures.
/// </summary>
internal static unsafe partial class Native
{
    internal const int Interrupted = 4, TryAgain = 11, InProgress = 115;
    internal const uint In = 0x1, Out = 0x4, Error = 0x8, HangUp = 0x10;
    internal const int Add = 1, Delete = 2, Modify = 3;

    private const int CloseOnExec = 0x80000, NonBlocking = 0x800, Stream = 1, Internet = 2, NoSignal = 0x4000;
    private const int TimerSlack = 29, Nanosecond = 1_000;

    internal static int CreateSocket()
    {
        int socket = socket_(Internet, Stream | NonBlocking | CloseOnExec, 0);
        return socket >= 0 ? socket : throw Fault("socket");
    }

    /// <summary>Binds to one of this machine's loopback addresses; the port is chosen when it connects.</summary>
    internal static void Bind(int socket, uint address)
    {
        Set(socket, level: 0, option: 24 /* IP_BIND_ADDRESS_NO_PORT: a port is taken for a pair of addresses only */, 1);
        var name = new Address(address, 0);
        if (bind(socket, &name, sizeof(Address)) != 0)
            throw Fault("bind");
    }

    /// <summary>Begins to connect; the socket is writable when that has ended.</summary>
    internal static void Connect(int socket, uint address, int port)
    {
        Set(socket, level: 6, option: 1 /* TCP_NODELAY */, 1);
        var name = new Address(address, port);
        if (connect(socket, &name, sizeof(Address)) != 0 && Marshal.GetLastPInvokeError() != InProgress)
            throw Fault("connect");
    }

    /// <summary>The error with which a connect ended; 0 for none.</summary>
    internal static int PendingError(int socket)
    {
        int error = 0, length = sizeof(int);
        return getsockopt(socket, 1, 4, &error, &length) == 0 ? error : Marshal.GetLastPInvokeError();
    }

    /// <summary>Bytes received; 0 at the end; a negative errno otherwise.</summary>
    internal static int Receive(int socket, Span<byte> buffer)
    {
        fixed (byte* start = buffer)
        {
            nint received = recv(socket, start, buffer.Length, 0);
            return received >= 0 ? (int)received : -Marshal.GetLastPInvokeError();
        }
    }

    /// <summary>Bytes sent, or a negative errno.</summary>
    internal static int Send(int socket, ReadOnlySpan<byte> bytes)
    {
        fixed (byte* start = bytes)
        {
            nint sent = send(socket, start, bytes.Length, NoSignal);
            return sent >= 0 ? (int)sent : -Marshal.GetLastPInvokeError();
        }
    }

    /// <summary>Closes with a reset: nothing is left in TIME_WAIT, where a storm would run out of ports.</summary>
    internal static void Close(int socket)
    {
        long linger = 1; // on, 0 seconds
        _ = setsockopt(socket, 1, 13, &linger, sizeof(long));
        _ = close(socket);
    }

    internal static int CreatePoll()
    {
        int poll = epoll_create1(CloseOnExec);
        _ = prctl(TimerSlack, Nanosecond, 0, 0, 0); // wait as long as asked, rather than 50 µs more
        return poll >= 0 ? poll : throw Fault("epoll_create1");
    }

    internal static void Watch(int poll, int operation, int socket, uint events, ulong data)
    {
        byte* change = stackalloc byte[PollEvent.MaxSize];
        PollEvent.Write(change, events, data);
        if (epoll_ctl(poll, operation, socket, change) != 0)
            throw Fault("epoll_ctl");
    }

    /// <summary>Waits for events at most that long; how many there are.</summary>
    internal static int Wait(int poll, Span<byte> events, TimeSpan timeout)
    {
        long nanoseconds = Math.Max(0, timeout.Ticks * TimeSpan.NanosecondsPerTick);
        var time = new TimeSpec(nanoseconds / 1_000_000_000, nanoseconds % 1_000_000_000);
        fixed (byte* start = events)
        {
            int count = epoll_pwait2(poll, start, events.Length / PollEvent.Size, &time, null);
            if (count < 0 && Marshal.GetLastPInvokeError() != Interrupted)
                throw Fault("epoll_pwait2");
            return Math.Max(0, count);
        }
    }

    /// <summary>CPU time of this thread.</summary>
    internal static TimeSpan ThreadTime()
    {
        TimeSpec time;
        _ = clock_gettime(3 /* CLOCK_THREAD_CPUTIME_ID */, &time);
        return TimeSpan.FromTicks((time.Seconds * TimeSpan.TicksPerSecond) + (time.Nanoseconds / 100));
    }

    /// <summary>What went wrong, in the system's words.</summary>
    internal static string Text(int error) => Marshal.GetPInvokeErrorMessage(error);

    private static IOException Fault(string call) => new($"{call}: {Text(Marshal.GetLastPInvokeError())}");

    private static void Set(int socket, int level, int option, int value) =>
        _ = setsockopt(socket, level, option, &value, sizeof(int));

    [LibraryImport("libc", EntryPoint = "socket", SetLastError = true)]
    private static partial int socket_(int family, int type, int protocol);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int bind(int socket, Address* name, int length);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int connect(int socket, Address* name, int length);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int setsockopt(int socket, int level, int option, void* value, int length);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int getsockopt(int socket, int level, int option, void* value, int* length);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint recv(int socket, byte* buffer, nint length, int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint send(int socket, byte* buffer, nint length, int flags);

    [LibraryImport("libc")]
    private static partial int close(int socket);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int epoll_create1(int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int epoll_ctl(int poll, int operation, int socket, byte* change);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int epoll_pwait2(int poll, byte* events, int count, TimeSpec* timeout, void* signals);

    [LibraryImport("libc")]
    private static partial int clock_gettime(int clock, TimeSpec* time);

    [LibraryImport("libc")]
    private static partial int prctl(int option, nint value, nint unused3, nint unused4, nint unused5);

    /// <summary><c>struct sockaddr_in</c>: port and address in network order.</summary>
    [StructLayout(LayoutKind.Sequential, Size = 16)]
    private readonly struct Address(uint address, int port)
    {
#pragma warning disable IDE0052 // the kernel reads them
        private readonly ushort family = Internet;
        private readonly ushort port = (ushort)((port >> 8) | (port << 8));
        private readonly uint address = System.Buffers.Binary.BinaryPrimitives.ReverseEndianness(address);
#pragma warning restore IDE0052
    }

    [StructLayout(LayoutKind.Sequential)]
    private readonly struct TimeSpec(long seconds, long nanoseconds)
    {
        public readonly long Seconds = seconds;
        public readonly long Nanoseconds = nanoseconds;
    }
}

/// <summary><c>struct epoll_event</c>, which has no gap between its fields on x86 alone.</summary>
internal static unsafe class PollEvent
{
    internal const int MaxSize = 16;

    private static readonly int DataAt = RuntimeInformation.ProcessArchitecture == Architecture.X64 ? 4 : 8;

    internal static int Size => DataAt + sizeof(ulong);

    internal static void Write(byte* at, uint events, ulong data)
    {
        Unsafe.WriteUnaligned(at, events);
        Unsafe.WriteUnaligned(at + DataAt, data);
    }

    internal static (uint Events, ulong Data) Read(ReadOnlySpan<byte> at) =>
        (MemoryMarshal.Read<uint>(at), MemoryMarshal.Read<ulong>(at[DataAt..]));
}
