import type {
  AbortMultipartUploadCommandInput,
  AbortMultipartUploadCommandOutput,
  CompleteMultipartUploadCommandInput,
  CompleteMultipartUploadCommandOutput,
  CreateMultipartUploadCommandInput,
  CreateMultipartUploadCommandOutput,
  DeleteObjectCommandInput,
  DeleteObjectCommandOutput,
  GetObjectCommandInput,
  GetObjectCommandOutput,
  HeadObjectCommandInput,
  HeadObjectCommandOutput,
  ListMultipartUploadsCommandInput,
  ListMultipartUploadsCommandOutput,
  ListPartsCommandInput,
  ListPartsCommandOutput,
  PutObjectCommandInput,
  PutObjectCommandOutput,
  UploadPartCommandInput,
  UploadPartCommandOutput,
} from '@aws-sdk/client-s3';
import type { S3Operation } from './options.ts';

/** What the SDK takes and gives; the bucket is put in for all. */
export interface Shapes {
  PutObject: Shape<PutObjectCommandInput, PutObjectCommandOutput>;
  HeadObject: Shape<HeadObjectCommandInput, HeadObjectCommandOutput>;
  GetObject: Shape<GetObjectCommandInput, GetObjectCommandOutput>;
  DeleteObject: Shape<DeleteObjectCommandInput, DeleteObjectCommandOutput>;
  CreateMultipartUpload: Shape<
    CreateMultipartUploadCommandInput,
    CreateMultipartUploadCommandOutput
  >;
  UploadPart: Shape<UploadPartCommandInput, UploadPartCommandOutput>;
  ListParts: Shape<ListPartsCommandInput, ListPartsCommandOutput>;
  CompleteMultipartUpload: Shape<
    CompleteMultipartUploadCommandInput,
    CompleteMultipartUploadCommandOutput
  >;
  AbortMultipartUpload: Shape<AbortMultipartUploadCommandInput, AbortMultipartUploadCommandOutput>;
  ListMultipartUploads: Shape<ListMultipartUploadsCommandInput, ListMultipartUploadsCommandOutput>;
}

interface Shape<Input, Output> {
  readonly input: Omit<Input, 'Bucket' | 'Body'>;
  readonly output: Output;
}

/** All of them, as the classification table needs them. */
export const S3_OPERATIONS: readonly S3Operation[] = [
  'PutObject',
  'HeadObject',
  'GetObject',
  'DeleteObject',
  'CreateMultipartUpload',
  'UploadPart',
  'ListParts',
  'CompleteMultipartUpload',
  'AbortMultipartUpload',
  'ListMultipartUploads',
];
