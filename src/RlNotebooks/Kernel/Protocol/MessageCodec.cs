using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace RlNotebooks.Kernel.Protocol;

/// <summary>Messages as frames, signed with the key that client and kernel share.</summary>
/// <param name="key">The connection file's key; empty for no signatures.</param>
internal sealed class MessageCodec(string key)
{
    private const int RememberedSignatures = 1 << 14;
    private const int Deepest = 200;

    private static readonly byte[] Delimiter = "<IDS|MSG>"u8.ToArray();
    private static readonly JsonSerializerOptions Unescaped = new() { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping, MaxDepth = 1024 };
    private static readonly JsonDocumentOptions Strict = new() { AllowDuplicateProperties = false, MaxDepth = Deepest };

    private readonly byte[] secret = Encoding.UTF8.GetBytes(key);
    private readonly HashSet<string> seen = [];
    private readonly Queue<string> seenInOrder = [];

    /// <summary>Reads frames. What is not a message of somebody who has the key gives null, with the reason: it is ignored.</summary>
    public Message? Decode(IReadOnlyList<byte[]> frames, out string? problem)
    {
        problem = null;
        var at = Enumerable.Range(0, frames.Count).FirstOrDefault(i => frames[i].AsSpan().SequenceEqual(Delimiter), -1);
        if (at < 0 || frames.Count < at + 6)
        {
            problem = $"{frames.Count} frames that are not a message";
            return null;
        }

        if (!IsSigned(frames, at))
        {
            problem = "a message with a wrong signature";
            return null;
        }

        try
        {
            var parts = Enumerable.Range(at + 2, 4).Select(i => JsonNode.Parse(frames[i], documentOptions: Strict) as JsonObject).ToArray();
            if (parts[0] is { } header && header["msg_type"] is JsonValue type && type.TryGetValue<string>(out _) && header["msg_id"] is JsonValue id && id.TryGetValue<string>(out _))
            {
                return new Message([.. frames.Take(at)], header, parts[1] ?? [], parts[3] ?? []);
            }

            problem = "a message without msg_type and msg_id";
        }
        catch (Exception e) when (e is JsonException or DecoderFallbackException or ArgumentException or InvalidOperationException)
        {
            problem = $"a message that is not JSON ({e.Message})";
        }

        return null;
    }

    /// <summary>The frames of a message.</summary>
    public IReadOnlyList<byte[]> Encode(Message message)
    {
        byte[][] parts = [.. new[] { message.Header, message.Parent, new JsonObject(), message.Content }.Select(p => JsonSerializer.SerializeToUtf8Bytes(p, Unescaped))];
        return [.. message.Identities, Delimiter, Encoding.ASCII.GetBytes(Signature(parts)), .. parts];
    }

    private bool IsSigned(IReadOnlyList<byte[]> frames, int at)
    {
        if (secret.Length == 0)
        {
            return true;
        }

        var given = frames[at + 1];
        var expected = Signature(frames.Skip(at + 2).Take(4));
        if (!CryptographicOperations.FixedTimeEquals(given, Encoding.ASCII.GetBytes(expected)))
        {
            return false;
        }

        // Somebody who overheard a message must not be able to send it again.
        if (!seen.Add(expected))
        {
            return false;
        }

        seenInOrder.Enqueue(expected);
        if (seenInOrder.Count > RememberedSignatures)
        {
            seen.Remove(seenInOrder.Dequeue());
        }

        return true;
    }

    private string Signature(IEnumerable<byte[]> parts)
    {
        if (secret.Length == 0)
        {
            return "";
        }

        using var hash = IncrementalHash.CreateHMAC(HashAlgorithmName.SHA256, secret);
        foreach (var part in parts)
        {
            hash.AppendData(part);
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
