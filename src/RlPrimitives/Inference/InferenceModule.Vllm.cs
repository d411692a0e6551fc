using RlPrimitives.Models.Tokenizers;

namespace RlPrimitives.Inference;

public sealed partial class InferenceModule
{
    /// <summary>An inference module over a vLLM server; waits until it has loaded. <see cref="FromVllmAsync(IReadOnlyList{string}, string, string?, VllmOptions?, CancellationToken)"/> does not block.</summary>
    /// <param name="endpoint">Its address, such as <c>http://localhost:8000</c>.</param>
    /// <param name="model">The model's name there.</param>
    /// <param name="tokenizerFolder">A folder with the model's tokenizer; null asks the server for every text, which is slow.</param>
    /// <param name="options">Limits, retries, the key; null for the defaults.</param>
    /// <inheritdoc cref="VllmBackend.ConnectAsync" path="/exception"/>
    public static InferenceModule FromVllm(string endpoint, string model, string? tokenizerFolder = null, VllmOptions? options = null) =>
        Task.Run(() => FromVllmAsync([endpoint], model, tokenizerFolder, options)).GetAwaiter().GetResult();

    /// <summary>An inference module over one or more vLLM servers of the same model, among which requests are balanced.</summary>
    /// <param name="endpoints">Addresses such as <c>http://host:8000</c>, at least one.</param>
    /// <param name="model">The model's name there.</param>
    /// <param name="tokenizerFolder">A folder with the model's tokenizer; null asks the first server for every text, which is slow.</param>
    /// <param name="options">Limits, retries, the key; null for the defaults.</param>
    /// <param name="cancellationToken">Ends the wait for the servers.</param>
    /// <inheritdoc cref="VllmBackend.ConnectAsync" path="/exception"/>
    public static async Task<InferenceModule> FromVllmAsync(
        IReadOnlyList<string> endpoints, string model, string? tokenizerFolder = null, VllmOptions? options = null, CancellationToken cancellationToken = default)
    {
        var tokenizer = tokenizerFolder is null ? null : HuggingFaceTokenizer.FromPretrained(tokenizerFolder);
        var backend = await VllmBackend.ConnectAsync(endpoints, model, options, cancellationToken).ConfigureAwait(false);
        return new InferenceModule(backend, tokenizer ?? backend.Tokenizer);
    }
}
