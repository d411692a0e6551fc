using System.Net.Sockets;
using NetMQ;
using NetMQ.Sockets;

namespace RlNotebooks.Kernel.Protocol;

/// <summary>The channels of a kernel.</summary>
internal enum Channel
{
    /// <summary>Requests, answered in order.</summary>
    Shell,

    /// <summary>Requests that must not wait for a cell: interrupt, shutdown.</summary>
    Control,

    /// <summary>Questions to the person at the notebook.</summary>
    Input,

    /// <summary>What cells show, to every client.</summary>
    Output,
}

/// <summary>The five sockets, all on one thread of their own; messages are handed over by a queue in each direction.</summary>
internal sealed class KernelSockets : IDisposable
{
    // Messages that a client may be behind before the newest are dropped for it: a client that stopped reading must not fill the memory.
    private const int Backlog = 20_000;
    private static readonly TimeSpan LastWords = TimeSpan.FromMilliseconds(500);

    private readonly MessageCodec codec;
    private readonly Action<Channel, Message> received;
    private readonly TextWriter log;
    private readonly RouterSocket shell = new();
    private readonly RouterSocket control = new();
    private readonly RouterSocket input = new();
    private readonly PublisherSocket output = new();
    private readonly RouterSocket heartbeat = new();
    private readonly NetMQQueue<(Channel Channel, Message Message)> outgoing = new();
    private readonly NetMQPoller poller;

    /// <summary>Binds the ports and starts listening.</summary>
    /// <param name="connection">The ports.</param>
    /// <param name="received">Told of each message of somebody who has the key, on the sockets' thread: it must hand it on at once.</param>
    /// <param name="log">Told of what was ignored, and why.</param>
    /// <exception cref="KernelException">A port is taken.</exception>
    public KernelSockets(ConnectionFile connection, Action<Channel, Message> received, TextWriter log)
    {
        (this.received, this.log) = (received, log);
        codec = new MessageCodec(connection.Key);
        output.Options.SendHighWatermark = Backlog;
        Bind(shell, connection, connection.ShellPort);
        Bind(control, connection, connection.ControlPort);
        Bind(input, connection, connection.InputPort);
        Bind(output, connection, connection.OutputPort);
        Bind(heartbeat, connection, connection.HeartbeatPort);
        shell.ReceiveReady += (_, _) => Receive(shell, Channel.Shell);
        control.ReceiveReady += (_, _) => Receive(control, Channel.Control);
        input.ReceiveReady += (_, _) => Receive(input, Channel.Input);
        heartbeat.ReceiveReady += (_, _) => Echo();
        outgoing.ReceiveReady += (_, _) => SendAll();
        poller = new NetMQPoller { control, shell, input, heartbeat, outgoing };
        poller.RunAsync("kernel sockets", isBackgroundThread: true);
    }

    /// <summary>Sends a message; from any thread, in the order of the calls.</summary>
    public void Send(Channel channel, Message message) => outgoing.Enqueue((channel, message));

    /// <summary>Waits until everything given to <see cref="Send"/> was sent, but not long.</summary>
    public void Flush()
    {
        var end = DateTime.UtcNow + LastWords;
        while (outgoing.Count > 0 && DateTime.UtcNow < end)
        {
            Thread.Sleep(5);
        }

        // Handed to the sockets; their own thread still writes it out.
        Thread.Sleep(50);
    }

    public void Dispose()
    {
        Flush();
        poller.Dispose();
        outgoing.Dispose();
        foreach (var socket in new NetMQSocket[] { shell, control, input, output, heartbeat })
        {
            socket.Options.Linger = LastWords;
            socket.Dispose();
        }
    }

    private static void Bind(NetMQSocket socket, ConnectionFile connection, int port)
    {
        try
        {
            socket.Bind(connection.Endpoint(port));
        }
        catch (Exception e) when (e is NetMQException or SocketException or ArgumentException)
        {
            throw new KernelException($"The kernel cannot listen at {connection.Endpoint(port)}: {e.Message}. Another program may have taken the port; start the kernel again from the client.");
        }
    }

    private void Receive(NetMQSocket socket, Channel channel)
    {
        var frames = new List<byte[]>();
        while (socket.TryReceiveMultipartBytes(ref frames!))
        {
            if (codec.Decode(frames, out var problem) is { } message)
            {
                received(channel, message);
            }
            else
            {
                log.WriteLine($"kernel: ignored {problem} on the {channel} channel");
            }

            frames = [];
        }
    }

    private void Echo()
    {
        var message = new NetMQMessage();
        while (heartbeat.TryReceiveMultipartMessage(ref message))
        {
            heartbeat.TrySendMultipartMessage(message);
        }
    }

    private void SendAll()
    {
        while (outgoing.TryDequeue(out var next, TimeSpan.Zero))
        {
            NetMQSocket socket = next.Channel switch { Channel.Shell => shell, Channel.Control => control, Channel.Input => input, _ => output };
            try
            {
                // Never waits: a message to a client that is gone is dropped.
                socket.TrySendMultipartBytes(TimeSpan.Zero, codec.Encode(next.Message));
            }
            catch (Exception e) when (e is NetMQException or InvalidOperationException or System.Text.Json.JsonException or NotSupportedException)
            {
                log.WriteLine($"kernel: a message of type {next.Message.Type} could not be sent ({e.Message})");
            }
        }
    }
}
