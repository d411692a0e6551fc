using System.Net;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace RlNotebooks.Kernel.Protocol;

/// <summary>Where a client expects the kernel: the file that the kernel is started with.</summary>
internal sealed record ConnectionFile
{
    [JsonPropertyName("transport")]
    public string Transport { get; init; } = "tcp";

    [JsonPropertyName("ip")]
    public string Address { get; init; } = "127.0.0.1";

    [JsonPropertyName("shell_port")]
    public required int ShellPort { get; init; }

    [JsonPropertyName("control_port")]
    public required int ControlPort { get; init; }

    [JsonPropertyName("stdin_port")]
    public required int InputPort { get; init; }

    [JsonPropertyName("iopub_port")]
    public required int OutputPort { get; init; }

    [JsonPropertyName("hb_port")]
    public required int HeartbeatPort { get; init; }

    [JsonPropertyName("key")]
    public string Key { get; init; } = "";

    [JsonPropertyName("signature_scheme")]
    public string SignatureScheme { get; init; } = "hmac-sha256";

    /// <summary>Reads a client's file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="allowRemote">Whether an address that other machines reach is accepted.</param>
    /// <exception cref="KernelException">It is absent or unusable; says what is wrong.</exception>
    public static ConnectionFile Read(string path, bool allowRemote)
    {
        ConnectionFile connection;
        try
        {
            connection = JsonSerializer.Deserialize<ConnectionFile>(File.ReadAllBytes(path)) ?? throw new KernelException($"{path}: empty. A Jupyter client writes this file and starts the kernel with it.");
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new KernelException($"{path}: there is no such file. A Jupyter client writes it and starts the kernel with it; see 'kernel install'.");
        }
        catch (JsonException e)
        {
            throw new KernelException($"{path}: not a connection file ({e.Message}). A Jupyter client writes it and starts the kernel with it.");
        }

        return connection.Checked(path, allowRemote);
    }

    /// <summary>The address of a port, as sockets want it.</summary>
    public string Endpoint(int port) => $"tcp://{(Address == "*" || !Address.Contains(':', StringComparison.Ordinal) ? Address : $"[{Address}]")}:{port}";

    private ConnectionFile Checked(string path, bool allowRemote)
    {
        if (Transport != "tcp")
        {
            throw new KernelException($"{path}: transport '{Transport}' is not supported; tcp is. Start the client with --transport=tcp.");
        }

        if (SignatureScheme != "hmac-sha256")
        {
            throw new KernelException($"{path}: signature scheme '{SignatureScheme}' is not supported; hmac-sha256 is.");
        }

        var isLoopback = Address == "localhost" || (IPAddress.TryParse(Address, out var address) && IPAddress.IsLoopback(address));
        if (!isLoopback && !allowRemote)
        {
            throw new KernelException($"{path}: the address {Address} can be reached from other machines, and whoever reaches a kernel can run code. Use 127.0.0.1, or say --allow-remote if that is meant.");
        }

        if (!isLoopback && Key.Length == 0)
        {
            throw new KernelException($"{path}: no key, but an address that other machines reach. A kernel without a key listens on 127.0.0.1 only.");
        }

        return Address == "localhost" ? this with { Address = "127.0.0.1" } : this;
    }
}

/// <summary>A kernel that cannot start or be installed; the message says what to do.</summary>
internal sealed class KernelException(string message) : Exception(message);
